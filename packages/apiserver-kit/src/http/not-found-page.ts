/** There is nothing at this path, not even an API group. */
export class NotFoundPage extends Error {
  constructor() {
    super('404 page not found');
    this.name = 'NotFoundPage';
  }
}
