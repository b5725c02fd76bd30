// The program `odcm` without its commands: shared options, help, how errors look and which exit code they give.
// Commands are handed in, so that this file knows neither the node nor any one command.

import { Command, type CommanderError, Option } from 'commander';
import { asMeshError, CODES, isMeshError, MeshError } from '../protocols/errors.ts';
import type { CommandContext, Register } from './command-context.ts';
import { displayText } from './format/display-text.ts';
import { FORMATS } from './format/report.ts';
import { HELP_EXAMPLES } from './help.ts';
import { createOutput } from './output.ts';

/** Headings of the command list; a command takes its place with `.helpGroup(GROUPS.trust)`. */
export const GROUPS = {
  trust: 'Trust:',
  feeds: 'Feeds:',
  reading: 'Reading:',
  gap: 'Air gap:',
  running: 'Running:',
} as const;

export interface ProgramOptions {
  readonly version: string;
  readonly context: CommandContext;
  /** In the order of help. */
  readonly commands: readonly Register[];
}

export interface Program {
  readonly command: Command;
  /** Runs one command line (without node and script) and gives the exit code; never throws. */
  run(args: readonly string[]): Promise<number>;
}

/** Exit code of a program that was told to stop, as shells expect it. */
const INTERRUPTED_EXIT_CODE = 130;

const SHARED_OPTIONS = [
  ['--home <dir>', "the node's folder (default: $ODCM_HOME, then ~/.odcm)"],
  ['--format <format>', 'text, json, jsonl or csv'],
  ['--json', 'short for --format json'],
  ['--output <file>', 'write the result to a file, whole or not at all'],
] as const;

const READING_OPTIONS = [
  ['--columns <names>', 'show these columns: name,status'],
  ['--sort <names>', 'order by these columns, a dash reverses: -heard,name'],
  ['--filter <text>', "only some rows: 'pay|ledger !status=online heard>60s'"],
  ['--watch <interval>', 'show it again and again: 5s'],
  ['--fail-on <tests>', "exit code 10 when met: 'rows>0'"],
] as const;

/** For commands that show a report: adds the options that choose rows, columns and order. */
export function reads(command: Command): Command {
  addOptions(command, READING_OPTIONS, 'Choosing what to show:');
  return command;
}

/** For commands that print rows as they come: there is nothing to sort or to show again. */
export function follows(command: Command): Command {
  const some = READING_OPTIONS.filter(([flags]) => /^--(?:columns|filter) /.test(flags));
  addOptions(command, some, 'Choosing what to show:');
  return command;
}

function addOptions(
  command: Command,
  options: readonly (readonly [string, string])[],
  heading: string,
): void {
  for (const [flags, description] of options) {
    const option = new Option(flags, description).helpGroup(heading);
    if (option.long === '--format') option.choices(FORMATS);
    const isTaken = command.options.some((taken) => taken.long === option.long);
    if (!isTaken) command.addOption(option);
  }
}

export function createProgram(options: ProgramOptions): Program {
  const { context } = options;
  const written: string[] = [];
  const program = new Command('odcm')
    .description('Shares data between Octopus Deploy spaces, each with those it trusts.')
    .usage('COMMAND [options]')
    .version(options.version, '-V, --version', 'print the version')
    // Options after a command are that command's own: `odcm get FEED ITEM --version 3` asks for no program version.
    .enablePositionalOptions()
    .addHelpText('after', HELP_EXAMPLES);
  reads(program);
  for (const register of options.commands) register(program, context);
  prepare(program, program, (text) => written.push(text));
  program.hook('preAction', (_, command) => refuseUselessOptions(program, command));

  const run = async (args: readonly string[]): Promise<number> => {
    const { stdout, stderr, env } = context;
    const output = createOutput({ stdout, stderr });
    try {
      await program.parseAsync(helpOf(args), { from: 'user' }).catch((error: unknown) => {
        if (!(error instanceof HelpShown)) throw error;
      });
      if (written.length > 0) await output.write(written.join(''));
      return context.exit.code;
    } catch (thrown) {
      if (context.signal.aborted) {
        output.say('odcm: stopped before it was done.');
        return INTERRUPTED_EXIT_CODE;
      }
      // Ended because nobody reads the result any more: nothing went wrong.
      if (output.closed.aborted && !isMeshError(thrown)) return context.exit.code;
      const error = asMeshError(thrown);
      output.say(`odcm: ${error.line}`);
      if (env['ODCM_DEBUG'] && thrown instanceof Error) {
        for (const line of (thrown.stack ?? '').split('\n')) output.say(line);
      }
      return CODES[error.code].exit;
    }
  };
  return { command: program, run };
}

/** `help alerts silence` as `alerts silence --help`: the parser's own help looks no deeper than one word. */
const helpOf = (args: readonly string[]): readonly string[] =>
  args[0] === 'help' && args.length > 2 ? [...args.slice(1), '--help'] : args;

/** Thrown in place of ending the process after help or version were printed. */
class HelpShown extends Error {}

/** Every command, however deep: shared options, and errors thrown instead of printed. */
function prepare(command: Command, program: Command, write: (text: string) => void): void {
  addOptions(command, SHARED_OPTIONS, 'Shared options:');
  command
    .configureOutput({ writeOut: write, writeErr: () => undefined })
    .helpOption('-h, --help', 'show this help')
    .exitOverride((error) => {
      throw readCommanderError(error, command, program, write);
    });
  for (const child of command.commands) prepare(child, program, write);
}

/** The parser's complaint as one of our errors: `unknown command 'spcaes'` with the guess as what to do next. */
function readCommanderError(
  error: CommanderError,
  command: Command,
  program: Command,
  write: (text: string) => void,
): Error {
  if (error.exitCode === 0) return new HelpShown();
  const name = commandName(command);
  const help = `See: odcm help${name === '' ? '' : ` ${name}`}`;
  if (error.code === 'commander.help') {
    const [first, second] = program.args;
    if (first === 'help') {
      return new MeshError('USAGE', `unknown command '${second}'`, { next: 'See: odcm help' });
    }
    if (command !== program) {
      const names = command.commands.map((child) => child.name()).join(', ');
      return new MeshError('USAGE', `odcm ${name} needs one of: ${names}`, { next: help });
    }
    write(program.helpInformation() + HELP_EXAMPLES);
    return new HelpShown();
  }
  const [what = '', guess] = error.message.replace(/^error: /, '').split('\n');
  const meant = /\(Did you mean (?:one of )?(.*)\?\)/.exec(guess ?? '')?.[1];
  const next = meant === undefined ? help : `Did you mean ${meant}? ${help}`;
  return new MeshError('USAGE', displayText(what, 300).replace(/\.$/, ''), { next });
}

/** `feed create`, without the program itself. */
function commandName(command: Command): string {
  const parent = command.parent;
  return parent === null ? '' : `${commandName(parent)} ${command.name()}`.trim();
}

/** An option that stands before a command which does nothing with it is a mistake, not something to pass over. */
function refuseUselessOptions(program: Command, command: Command): void {
  for (const option of program.options) {
    const isGiven = program.getOptionValueSource(option.attributeName()) === 'cli';
    if (isGiven && !command.options.some(({ long }) => long === option.long)) {
      throw new MeshError('USAGE', `odcm ${commandName(command)} takes no ${option.long}`, {
        next: `See: odcm help ${commandName(command)}`,
      });
    }
  }
}
