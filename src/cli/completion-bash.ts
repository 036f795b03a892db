// Completion for bash and zsh, which take the same `case` clauses and differ in how words are offered.

import { COMMANDS } from './commands.ts';
import { FOLDERS, families, firstWords, optionsOf } from './completion-words.ts';
import type { OptionSpec } from './spec.ts';

interface Dialect {
  /** Offers file names. */
  readonly files: string;
  /** A list of the names in a folder, possibly none. */
  readonly namesIn: (folder: string) => string;
  /** True where the word being completed is the nth after `tsnat`. */
  readonly isWord: (n: number) => string;
  readonly secondWord: string;
}

const BASH: Dialect = {
  files: 'compopt -o default 2>/dev/null',
  namesIn: (folder) => `$(command ls ${folder} 2>/dev/null)`,
  isWord: (n) => `[ "$COMP_CWORD" -eq ${n} ]`,
  secondWord: `\${COMP_WORDS[2]}`,
};

const ZSH: Dialect = {
  files: '_files',
  namesIn: (folder) => `${folder}/*(N:t)`,
  isWord: (n) => `(( CURRENT == ${n + 1} ))`,
  secondWord: '$words[3]',
};

export function bashScript(): string {
  return `# Completion of tsnat for bash. Made by: tsnat completion bash
_tsnat_offer() { COMPREPLY=($(compgen -W "$*" -- "$cur")); }
_tsnat() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} name=\${COMP_WORDS[1]}
  COMPREPLY=()
${body(BASH)}}
complete -F _tsnat tsnat
`;
}

export function zshScript(): string {
  return `#compdef tsnat
# Completion of tsnat for zsh. Made by: tsnat completion zsh
_tsnat_offer() { compadd -- "$@" }
_tsnat() {
  local cur=$words[CURRENT] prev=$words[CURRENT-1] name=$words[2]
${body(ZSH)}}
if [ "$funcstack[1]" = "_tsnat" ]; then _tsnat "$@"; else compdef _tsnat tsnat; fi
`;
}

/** The first word, the second of a group, the value of an option, then arguments and options. */
function body(dialect: Dialect): string {
  const lines = [
    `if ${dialect.isWord(1)}; then _tsnat_offer ${firstWords().join(' ')} --help --version; return; fi`,
    'case "$name" in',
  ];
  for (const [group, seconds] of families()) {
    if (seconds.length === 0) continue;
    lines.push(
      `  '${group}')`,
      `    if ${dialect.isWord(2)}; then _tsnat_offer ${seconds.join(' ')} --help; return; fi`,
      `    name="$name ${dialect.secondWord}" ;;`,
    );
  }
  lines.push('esac', 'case "$name $prev" in');
  for (const command of COMMANDS) {
    for (const option of command.options) {
      if (option.type === 'flag') continue;
      const spellings = [`--${option.name}`, ...(option.short ? [`-${option.short}`] : [])];
      const patterns = spellings.map((spelling) => `'${command.name} ${spelling}'`).join('|');
      lines.push(`  ${patterns}) ${values(option, dialect)} ; return ;;`);
    }
  }
  lines.push('esac', 'case "$name" in');
  for (const command of COMMANDS) {
    const options = optionsOf(command).map(({ name }) => `--${name}`);
    const [argument] = command.arguments;
    const names = argument ? values(argument, dialect) : ':';
    lines.push(
      `  '${command.name}') case "$cur" in -*) _tsnat_offer ${options.join(' ')} ;; *) ${names} ;; esac ;;`,
    );
  }
  lines.push('esac');
  return lines.map((line) => `  ${line}\n`).join('');
}

/** Shell code that offers the values of an option or argument, or nothing. */
function values({ choices, offer }: Pick<OptionSpec, 'choices' | 'offer'>, dialect: Dialect): string {
  if (choices) return `_tsnat_offer ${choices.join(' ')}`;
  if (offer === 'file') return dialect.files;
  if (offer === 'command') return `_tsnat_offer ${firstWords().join(' ')}`;
  const folder = offer && FOLDERS[offer];
  return folder === undefined ? ':' : `_tsnat_offer ${dialect.namesIn(folder)}`;
}
