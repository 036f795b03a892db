// Parses, loads the one command that is meant, runs it, tells what went wrong.
// Loads as little as it can: help and wrong usage must be there at once.

import { tell } from './failure.ts';
import { helpText } from './help.ts';
import { Output } from './output.ts';
import { parseCommandLine, type Request } from './parse.ts';
import { print, STDERR, STDOUT } from './print.ts';
import { version } from './version.ts';

/** @param argv without the program. What comes of it is the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // Read here as well, since the command line may be the very thing that is wrong.
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const json = words.includes('--json');
  try {
    await answer(parseCommandLine(argv), json);
  } catch (error) {
    process.exitCode = tell(error, { json, verbose: words.includes('--verbose') });
  }
}

async function answer(request: Request, json: boolean): Promise<void> {
  switch (request.kind) {
    case 'run': {
      // The loader asks the environment, so that programs that use the package have the same choice.
      const bpffs = request.input.text('bpffs');
      if (bpffs !== undefined) process.env.TSNAT_BPFFS = bpffs;
      const { run } = await request.command.load();
      await run(request.input, new Output(json));
      break;
    }
    case 'version': {
      print(STDOUT, json ? `${JSON.stringify({ version: version() })}\n` : `${version()}\n`);
      break;
    }
    default: {
      if (request.kind === 'help') print(STDOUT, helpText(request.topic));
      else {
        // Nothing was asked for, which is wrong usage, but what helps is the overview.
        print(STDERR, helpText(''));
        process.exitCode = 2;
      }
    }
  }
}
