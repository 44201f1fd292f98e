/** A value does not fit the Go type that Kubernetes has for it; the message is Go's. */
export class ShapeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ShapeError';
  }
}
