import type {LineCounter, YAMLError} from 'yaml';

/**
 * What is wrong with a YAML text, in the words of libyaml, which clients of Kubernetes know, as far as its parser would stop at the same
 * mistake. Lines are counted as it counts them: a mistake in the grammar is told one line too early, and one on the first line of none.
 */
export function describeYamlProblem(error: YAMLError, source: string, lines: LineCounter): string {
  const {text, inToken = false, at = error.pos[0], linesLater = 0} = translate(error, source);
  const line = lines.linePos(at).line + linesLater;
  const told = inToken && line > 1 ? line : line - 1;
  return told > 0 ? `yaml: line ${told}: ${text}` : `yaml: ${text}`;
}

interface Problem {
  text: string;
  /** Found while characters are made to tokens, not while tokens are put together. */
  inToken?: boolean;
  /** Where libyaml notices it. Default: where it begins. */
  at?: number;
  linesLater?: number;
}

function translate({code, message, pos: [start]}: YAMLError, source: string): Problem {
  switch (code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY': {
      const colon = source.indexOf(':', start);
      return {
        text: 'mapping values are not allowed in this context',
        inToken: true,
        at: colon === -1 ? start : colon,
      };
    }
    case 'TAB_AS_INDENT':
    case 'BAD_SCALAR_START':
      return {text: 'found character that cannot start any token', inToken: true};
    case 'BAD_DQ_ESCAPE':
      return {text: 'found unknown escape character', inToken: true};
    case 'BAD_ALIAS':
      return {text: 'did not find expected alphabetic or numeric character', inToken: true};
    case 'BAD_DIRECTIVE':
      return {text: 'found unknown directive name', inToken: true};
    case 'TAG_RESOLVE_FAILED':
      return {text: 'did not find expected tag URI', inToken: true};
    case 'BLOCK_IN_FLOW':
      return {text: "did not find expected ',' or '}'"};
    case 'MISSING_CHAR':
      if (message.startsWith('Missing closing')) return {text: 'found unexpected end of stream', inToken: true};
      if (message.startsWith('Implicit map keys')) {
        return {text: "could not find expected ':'", inToken: true, linesLater: 1};
      }
      return {text: `did not find expected ',' or '${message.includes('map') ? '}' : ']'}'`};
    case 'BAD_INDENT':
      if (/[[{,]\s*$/.test(source.slice(0, start)) && source.slice(start).trim() === '') {
        return {text: 'did not find expected node content'};
      }
      if (message.startsWith('Flow sequence')) return {text: "did not find expected ',' or ']'"};
      if (message.startsWith('Flow map')) return {text: "did not find expected ',' or '}'"};
      return {text: 'did not find expected key'};
    case 'UNEXPECTED_TOKEN':
      if (message.includes('block-seq-ind')) {
        return {text: 'block sequence entries are not allowed in this context', inToken: true};
      }
      if (message.startsWith('Block scalar header')) {
        return {text: 'did not find expected comment or line break', inToken: true};
      }
      return {text: message.includes('in flow') ? 'did not find expected node content' : 'did not find expected key'};
    default:
      return {text: 'did not find expected key'};
  }
}
