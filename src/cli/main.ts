#!/usr/bin/env node
// The command `tsnat`: parse, load the one command that is meant, run it, tell what went wrong.
// Loads as little as it can: help and wrong usage must be there at once.

import { tell } from './failure.ts';
import { Output } from './output.ts';
import { parseCommandLine, type Request } from './parse.ts';

async function main(argv: readonly string[]): Promise<void> {
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
      const { version } = await import('./version.ts');
      process.stdout.write(json ? `${JSON.stringify({ version: version() })}\n` : `${version()}\n`);
      break;
    }
    default: {
      const { helpText } = await import('./help.ts');
      if (request.kind === 'help') process.stdout.write(helpText(request.topic));
      else {
        // Nothing was asked for, which is wrong usage, but what helps is the overview.
        process.stderr.write(helpText(''));
        process.exitCode = 2;
      }
    }
  }
}

// `tsnat map list eth0 | head` closes the pipe early; that is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}
await main(process.argv.slice(2));
