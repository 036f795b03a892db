// From the words of a command line to a request, by the table of commands. Whatever does not fit is refused
// here, before anything is loaded or touched.

import { parseArgs } from 'node:util';
import { COMMANDS, findCommand, GROUPS } from './commands.ts';
import { Input } from './input.ts';
import { COMMON_OPTIONS } from './options.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts';
import { didYouMean } from './suggest.ts';
import { UsageError } from './usage-error.ts';

export type Request =
  | { readonly kind: 'version' }
  /** `topic` is a command, a group of commands, or empty for the overview. */
  | { readonly kind: 'help'; readonly topic: string }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'run'; readonly command: CommandSpec; readonly input: Input };

/** Before the command, only options without a value make sense. */
const LEADING = ['--json', '--verbose', '--help', '-h', '--version'];

/** @throws UsageError */
export function parseCommandLine(argv: readonly string[]): Request {
  const at = argv.findIndex((word) => !word.startsWith('-'));
  const leading = argv.slice(0, at === -1 ? argv.length : at);
  for (const word of leading) {
    if (!LEADING.includes(word)) {
      throw new UsageError(`unknown option ${word}${didYouMean(word, LEADING)} (see tsnat --help)`);
    }
  }
  if (leading.includes('--version')) return { kind: 'version' };
  const helpAsked = leading.includes('--help') || leading.includes('-h');
  if (at === -1) return helpAsked ? { kind: 'help', topic: '' } : { kind: 'nothing' };

  const [first = '', second] = argv.slice(at);
  const name = GROUPS.includes(first) && second !== undefined ? `${first} ${second}` : first;
  const words = [...leading, ...argv.slice(at + name.split(' ').length)];
  // Whatever else is wrong, help is help.
  const end = words.indexOf('--');
  const wantsHelp = words.slice(0, end === -1 ? words.length : end).some((w) => w === '--help' || w === '-h');
  const command = findCommand(name);
  if (command !== undefined) {
    return wantsHelp
      ? { kind: 'help', topic: name }
      : { kind: 'run', command, input: inputFor(command, words) };
  }
  if (GROUPS.includes(first) && (wantsHelp || second === '--help' || second === '-h')) {
    return { kind: 'help', topic: first };
  }
  throw unknownCommand(first, second);
}

export function unknownCommand(first: string, second: string | undefined): UsageError {
  if (GROUPS.includes(first)) {
    const members = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(
      ({ name }) => name.split(' ')[1]!,
    );
    const choice = `${members.slice(0, -1).join(', ')} or ${members.at(-1)}`;
    if (second === undefined || second.startsWith('-')) {
      return new UsageError(`${first}: say which: ${choice} (see tsnat ${first} --help)`);
    }
    return new UsageError(
      `${first}: unknown command '${second}'${didYouMean(second, members) || `: ${choice}`}`,
    );
  }
  const names = [...COMMANDS.map(({ name }) => name.split(' ')[0]!), ...GROUPS];
  return new UsageError(`unknown command '${first}'${didYouMean(first, names)} (see tsnat --help)`);
}

/** The words after the command's name, held against its entry in the table. */
function inputFor(command: CommandSpec, words: readonly string[]): Input {
  const specs = [...command.options, ...COMMON_OPTIONS];
  const refuse = (message: string): never => {
    throw new UsageError(`${command.name}: ${message} (see tsnat ${command.name} --help)`);
  };
  const { tokens } = parseArgs({
    args: [...words],
    // Not strict: its messages know neither the command nor what was meant.
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      specs.map(({ name, short, type }) => [
        name,
        { type: type === 'flag' ? 'boolean' : 'string', ...(short && { short }) },
      ]),
    ),
  });
  const positionals: string[] = [];
  const options = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = specs.find(({ name }) => name === token.name);
    if (spec === undefined) {
      const known = specs.map(({ name }) => `--${name}`);
      return refuse(`unknown option ${token.rawName}${didYouMean(token.rawName, known)}`);
    }
    const problem = optionProblem(spec, token.value, token.inlineValue === true, options.has(spec.name));
    if (problem !== undefined) return refuse(`${token.rawName} ${problem}`);
    options.set(spec.name, [...(options.get(spec.name) ?? []), token.value ?? '']);
  }
  const [args, problem] = fitArguments(command.arguments, positionals);
  if (problem !== undefined) return refuse(problem);
  return new Input(args, options);
}

const ANY_COUNT: NonNullable<OptionSpec['range']> = [1, 0xffff_ffff];

function optionProblem(
  { type, range = ANY_COUNT, value: placeholder = '', choices, also, repeat = false }: OptionSpec,
  value: string | undefined,
  inline: boolean,
  given: boolean,
): string | undefined {
  if (type === 'flag') return value === undefined ? undefined : 'takes no value';
  const form = [...(choices ?? [placeholder]), ...(also ? [also.form] : [])].join(', ');
  // `--map --replace` is a value forgotten; one that begins with a dash is written `--map=-x`.
  if (value === undefined || value === '' || (!inline && value.startsWith('-'))) {
    return `needs a value: ${form}`;
  }
  if (given && !repeat) return 'is given twice';
  if (choices !== undefined && !choices.includes(value) && also?.pattern.test(value) !== true) {
    return `cannot be '${value}'${didYouMean(value, choices) || `: ${form}`}`;
  }
  const [least, most] = range;
  if (type === 'count' && !(/^[1-9]\d*$/.test(value) && Number(value) >= least && Number(value) <= most)) {
    return `cannot be '${value}': a whole number from ${least} to ${most}`;
  }
  return undefined;
}

/** Whether an argument means an object file, not a name. */
export const isObjectPath = (text: string): boolean => text.includes('/') || text.endsWith('.o');

function fitArguments(
  specs: readonly ArgumentSpec[],
  values: readonly string[],
): [Map<string, readonly string[]>, string?] {
  const args = new Map<string, readonly string[]>();
  let left = values;
  for (const { name, optional = false, repeat = false, object = false, choices } of specs) {
    const taken = left.slice(0, repeat ? left.length : 1);
    left = left.slice(taken.length);
    if (taken.length === 0 && !optional) return [args, `${name} is missing`];
    const fits = (value: string): boolean =>
      choices === undefined || choices.includes(value) || (object && isObjectPath(value));
    const bad = taken.find((value) => value === '' || !fits(value));
    if (bad === '') return [args, `${name} is empty`];
    if (bad !== undefined && choices !== undefined) {
      const others = `${choices.join(', ')}${object ? ', or an object file FILE.o' : ''}`;
      return [args, `${name} cannot be '${bad}'${didYouMean(bad, choices) || `: ${others}`}`];
    }
    if (taken.length > 0) args.set(name, taken);
  }
  return left.length > 0 ? [args, `'${left[0]}' is one argument too many`] : [args];
}
