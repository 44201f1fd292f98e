/** Whose fields server-side apply takes ours to be. */
export const FIELD_MANAGER = 'kruntimes-controller';
