import { Argument, type Command } from 'commander';
import { type JsonFlags, run, withManual } from './command-line.js';
import { EXIT } from './exit-code.js';

const SHELLS = ['bash', 'zsh', 'fish', 'pwsh'] as const;

/**
 * Returns the completions for a line that begins with `words`; `null` if only a file, or a value of the user's own, can
 * follow.
 */
function candidates(program: Command, words: readonly string[]): { name: string; description?: string }[] | null {
  const help = program.createHelp();
  const commands = help
    .visibleCommands(program)
    .map((command) => ({ name: command.name(), description: command.description() }));
  const [, name, ...rest] = words;
  const begun = rest.at(-1);
  if (begun === undefined || name === 'help') return commands;
  const command = program.commands.find((one) => one.name() === name);
  if (command === undefined) return [];
  const before = command.options.find(({ long }) => long === rest.at(-2));
  if (before?.required) return null;
  if (begun.startsWith('-'))
    return help.visibleOptions(command).map(({ long, description }) => ({ name: long ?? '', description }));
  const choices = command.registeredArguments[0]?.argChoices;
  return choices?.map((choice) => ({ name: choice })) ?? null;
}

/**
 * Adds `completion`, which prints a shell's script, and the hidden `completion-server`, which the script calls at each
 * Tab.
 */
export function addCompletion(program: Command): void {
  withManual(
    program
      .command('completion')
      .description('print a script that completes sws commands at Tab')
      .addArgument(new Argument('<shell>').choices(SHELLS)),
    {
      examples: [
        ['sws completion bash >> ~/.bashrc', 'for bash'],
        ['sws completion zsh >> ~/.zshrc', 'for zsh'],
        ['sws completion fish > ~/.config/fish/completions/sws.fish', 'for fish'],
      ],
      exits: { 0: 'printed', 1: 'wrong usage' },
    },
  ).action((shell: (typeof SHELLS)[number], flags: JsonFlags) =>
    run(flags, async () => {
      const { getCompletionScript } = await import('@pnpm/tabtab');
      console.log(await getCompletionScript({ name: 'sws', completer: 'sws', shell }));
      return EXIT.delivered;
    }),
  );

  program
    .command('completion-server', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async () => {
      const { getShellFromEnv, log, logFiles, parseEnv } = await import('@pnpm/tabtab');
      const shell = getShellFromEnv(process.env);
      const found = candidates(program, parseEnv(process.env).partial.split(/\s+/));
      if (found !== null) log(found, shell);
      // bash completes files itself if it gets no answer.
      else if (shell !== 'bash') logFiles();
    });
}
