/**
 * Parses the commands of the guide like a shell. A line of no known kind is an error, so that
 * the guide contains no command without a test. A `bash` block is a script, which a separate test
 * runs as a whole.
 */

import { getBlocks, EXAMPLE_BACKSTAGE, PAGES } from './readmeText';

/** One command. */
export type ReadmeCommand =
  | { readonly kind: 'npm-install' }
  | { readonly kind: 'npm-pack' }
  | { readonly kind: 'npm-script'; readonly script: string }
  | PackageCommand
  | DiscoveryCommand
  | CurlCommand
  | { readonly kind: 'assignment'; readonly name: string; readonly value: string };

/** What Yarn adds to the backend or removes from it. */
export interface PackageCommand {
  readonly kind: 'add-package' | 'remove-package';
  readonly packageName: string;
  /** Where it comes from, relative to the backend, if not from a registry. */
  readonly archive?: string;
}

/** A call of the package's own command line. */
export interface DiscoveryCommand {
  readonly kind: 'discovery';
  /** Variables set in front of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

/** A request. */
export interface CurlCommand {
  readonly kind: 'curl';
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly url: string;
}

/** The variables that the reader has set before, according to the guide. */
const GIVEN = { BACKSTAGE_URL: EXAMPLE_BACKSTAGE, BACKSTAGE_TOKEN: 'the-token' };

const PIECE = /'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"]+)/y;
const ASSIGNMENT = /^([A-Za-z_]\w*)=(.*)$/;

/** Returns all commands of the guide in order; an assignment applies to the rest of its page. */
export function readmeCommands(): ReadmeCommand[] {
  return PAGES.flatMap(({ text }) => parseCommands(getBlocks('sh', text).join('\n')));
}

/** @throws Error for a line that is no command of a known kind */
export function parseCommands(text: string): ReadmeCommand[] {
  const variables = new Map(Object.entries(GIVEN));
  const lines = text.replace(/\\\n\s*/g, '').split('\n');
  return lines.flatMap(line => {
    const commands = splitByAnd(toWords(line, variables)).map(classify);
    for (const command of commands) {
      if (command.kind === 'assignment') {
        variables.set(command.name, command.value);
      }
    }
    return commands;
  });
}

/** Splits a line at blanks, with quotes and variables as in a shell. */
function toWords(line: string, variables: ReadonlyMap<string, string>): string[] {
  const expand = (text: string) =>
    text.replace(/\$(\w+)/g, (_, name: string) => {
      const value = variables.get(name);
      if (value === undefined) {
        throw new Error(`nothing has set $${name} before: ${line}`);
      }
      return value;
    });
  const words: string[] = [];
  let isInside = false;
  for (let index = 0; index < line.length;) {
    PIECE.lastIndex = index;
    const [piece, quoted, expanding, plain] = PIECE.exec(line) ?? [];
    if (piece === undefined) {
      isInside = false;
      index += 1;
      continue;
    }
    const value = quoted ?? expand(expanding ?? plain ?? '');
    words.push(`${isInside ? (words.pop() ?? '') : ''}${value}`);
    isInside = true;
    index += piece.length;
  }
  return words;
}

function splitByAnd(words: readonly string[]): string[][] {
  const commands: string[][] = [[]];
  for (const word of words) {
    if (word === '&&') {
      commands.push([]);
    } else {
      commands.at(-1)?.push(word);
    }
  }
  return commands.filter(command => command.length > 0 || commands.length > 1);
}

function classify(words: readonly string[]): ReadmeCommand {
  const line = words.join(' ');
  const [program = '', ...args] = words;
  const [, name, value] = ASSIGNMENT.exec(program) ?? [];
  if (name !== undefined && value !== undefined) {
    return args.length === 0
      ? { kind: 'assignment', name, value }
      : withVariable(classify(args), name, value, line);
  }
  switch (program) {
    case 'npm':
      return classifyNpm(args, line);
    case 'yarn':
      return classifyYarn(args, line);
    case 'npx':
      return classifyNpx(args, line);
    case 'curl':
      return parseCurl(args, line);
    default:
      throw unclassified(line);
  }
}

function classifyYarn(
  [option, folder, verb, spec, ...rest]: readonly string[],
  line: string,
): ReadmeCommand {
  const isHere = option === '--cwd' && folder === 'packages/backend';
  const [, packageName, archive] =
    /^([\w-]+)(?:@file:(\.\/\S+\.tgz))?$/.exec(spec ?? '') ?? [];
  if (!isHere || packageName === undefined || rest.length > 0) {
    throw unclassified(line);
  }
  if (verb === 'add') {
    return { kind: 'add-package', packageName, ...(archive && { archive }) };
  }
  if (verb === 'remove' && archive === undefined) {
    return { kind: 'remove-package', packageName };
  }
  throw unclassified(line);
}

/**
 * Without `--no`, npx would fetch whatever carries that name and give it the environment;
 * without `--`, it would take `--help` and `--version` as its own.
 */
function classifyNpx(
  [option, separator, tool, ...args]: readonly string[],
  line: string,
): ReadmeCommand {
  if (option !== '--no' || separator !== '--' || tool !== 'bitbucket-server-discovery') {
    throw unclassified(line);
  }
  return { kind: 'discovery', env: {}, args };
}

function withVariable(
  command: ReadmeCommand,
  name: string,
  value: string,
  line: string,
): ReadmeCommand {
  if (command.kind !== 'discovery') {
    throw unclassified(line);
  }
  return { ...command, env: { ...command.env, [name]: value } };
}

function classifyNpm(
  [verb, script, ...rest]: readonly string[],
  line: string,
): ReadmeCommand {
  if (verb === 'install' && script === undefined) {
    return { kind: 'npm-install' };
  }
  if (verb === 'pack' && script === undefined) {
    return { kind: 'npm-pack' };
  }
  if ((verb === 'start' || verb === 'test') && script === undefined) {
    return { kind: 'npm-script', script: verb };
  }
  if (verb === 'run' && script !== undefined && rest.length === 0) {
    return { kind: 'npm-script', script };
  }
  throw unclassified(line);
}

/** The options that the guide uses; each takes a value. */
const CURL_OPTIONS = new Set(['-X', '-H', '-d']);

function parseCurl(args: readonly string[], line: string): CurlCommand {
  const { urls, methods, headers, bodies } = groupCurl(args, line);
  const [url = ''] = urls;
  if (urls.length !== 1 || !/^https?:/.test(url)) {
    throw unclassified(line);
  }
  const [body] = bodies;
  const [method = body === undefined ? 'GET' : 'POST'] = methods;
  return {
    kind: 'curl',
    method,
    headers: Object.fromEntries(headers.map(text => parseHeader(text, line))),
    url,
    ...(body !== undefined && { body }),
  };
}

function groupCurl(args: readonly string[], line: string) {
  const values = new Map<string, string[]>();
  const left = [...args];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const isOption = CURL_OPTIONS.has(word);
    const value = isOption ? left.shift() : word;
    if (value === undefined) {
      throw unclassified(line);
    }
    const key = isOption ? word : 'url';
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  const of = (key: string) => values.get(key) ?? [];
  return { urls: of('url'), methods: of('-X'), headers: of('-H'), bodies: of('-d') };
}

function parseHeader(text: string, line: string): [string, string] {
  const [, name, value] = /^([\w-]+): (.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw unclassified(line);
  }
  return [name, value];
}

function unclassified(line: string): Error {
  return new Error(`no test knows this kind of command: ${line}`);
}
