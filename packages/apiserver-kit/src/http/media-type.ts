/** `application/json;as=Table;v=v1`. */
export interface MediaType {
  /** Lower case, `type/subtype`. */
  name: string;
  /** Names in lower case. */
  parameters: ReadonlyMap<string, string>;
}

export function parseMediaType(text: string): MediaType {
  const [name = '', ...rest] = text.split(';');
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const mark = parameter.indexOf('=');
    if (mark === -1) continue;
    const value = parameter.slice(mark + 1).trim();
    parameters.set(parameter.slice(0, mark).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'));
  }
  return {name: name.trim().toLowerCase(), parameters};
}

/** Of a body; of no name where the header is not well-formed. */
export function parseContentType(text: string): MediaType {
  const [, ...parameters] = text.split(';');
  const isGood = parameters.every((parameter) => parameter.trim() === '' || /^\s*[^\s=]+=\S/.test(parameter));
  return isGood ? parseMediaType(text) : {name: 'unknown', parameters: new Map()};
}

/** What a client takes, the dearest first. */
export function parseAccept(text: string): MediaType[] {
  return text
    .split(',')
    .map((clause) => parseMediaType(clause))
    .filter(({name}) => name !== '')
    .map((type, index) => ({type, index, quality: Number(type.parameters.get('q') ?? 1)}))
    .sort((left, right) => right.quality - left.quality || left.index - right.index)
    .map(({type}) => type);
}
