// Help, rendered from the table of commands.

import { COMMANDS, findCommand, GROUPS } from './commands.ts';
import { COMMON_OPTIONS } from './options.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts';

const EXIT_STATUS = `Exit status:
  0  done
  1  failed; nothing half-done is left
  2  wrong usage: the command line or a mapping file; nothing was tried
`;

/** Help on a command, on a group of commands such as `map`, or on everything. */
export function helpText(topic: string): string {
  const command = findCommand(topic);
  if (command !== undefined) return commandHelp(command);
  return GROUPS.includes(topic) ? groupHelp(topic) : overview();
}

function overview(): string {
  return `Stateless NAT for Linux, in eBPF: one look-up per packet, no connection tracking.

Usage: tsnat COMMAND [ARGUMENT]... [OPTION]...

Commands:
${commandList(COMMANDS)}
With every command:
${optionList(COMMON_OPTIONS)}
      --version  (alone) print the version

${EXIT_STATUS}
Errors go to stderr, one line each; with --json, stdout then holds {"error": {"code", "message", ...}}.
In JSON a counter is a number up to 2^53-1, above that a string.

Example:
  tsnat attach eth0 --map 10.0.0.5=203.0.113.5
  tsnat status eth0
  tsnat detach eth0
`;
}

function groupHelp(group: string): string {
  const members = COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
  return `Usage: tsnat ${group} COMMAND [ARGUMENT]... [OPTION]...

Commands:
${commandList(members)}
tsnat ${group} COMMAND --help says more.
`;
}

function commandHelp(command: CommandSpec): string {
  const summary = `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`;
  const notes = command.notes === undefined ? '' : `\n${command.notes.join('\n')}\n`;
  const examples = columns(command.examples.map(([line, does]) => [`tsnat ${line}`, does]));
  return `${summary}

Usage: tsnat ${usage(command)}${command.options.length > 0 ? ' [OPTION]...' : ''}

Options:
${optionList([...command.options, ...COMMON_OPTIONS])}${notes}
${command.examples.length === 1 ? 'Example' : 'Examples'}:
${examples}`;
}

function usage({ name, arguments: args }: CommandSpec): string {
  return [name, ...args.map(argumentText)].join(' ');
}

function argumentText({ name, optional, repeat }: ArgumentSpec): string {
  const text = repeat ? `${name}...` : name;
  return optional ? `[${text}]` : text;
}

function commandList(commands: readonly CommandSpec[]): string {
  return columns(commands.map((command) => [usage(command), command.summary]));
}

function optionList(options: readonly OptionSpec[]): string {
  return columns(
    options.map(({ name, short, value, choices, also, repeat, summary }) => {
      const head = `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}${repeat ? ' ...' : ''}`;
      const forms = [...(choices ?? []), ...(also ? [also.form] : [])];
      return [head, forms.length > 0 ? `${summary}: ${forms.join(', ')}` : summary];
    }),
  );
}

/** A terminal is hardly narrower. */
const LINE_WIDTH = 110;

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows
    .flatMap(([left, right]) =>
      folded(right, LINE_WIDTH - width - 4).map(
        (text, i) => `  ${(i === 0 ? left : '').padEnd(width)}  ${text}\n`,
      ),
    )
    .join('');
}

/** Lines of at most `width`, broken at spaces. */
function folded(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
