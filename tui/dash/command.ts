// `odcm dash`: the dashboard on a terminal. Without one it prints the overview as text and says so; what the dashboard
// itself needs is loaded only when there is a terminal for it.

import { Option } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import { type CommandContext, invoke, type Register } from '../command-context.ts';
import { createOutput } from '../output.ts';
import { GROUPS } from '../program.ts';
import { describeTerminal } from '../terminal.ts';
import { THEMES, type ThemeName } from './theme.ts';

export interface DashboardOptions {
  readonly allowChanges?: boolean;
  readonly theme?: ThemeName;
  readonly ascii?: boolean;
  readonly fullRepaint?: boolean;
}

export const register: Register = (program, context) => {
  program
    .command('dash')
    .helpGroup(GROUPS.reading)
    .description('the dashboard: everything on one screen, live')
    .option('--allow-changes', 'approving, granting, revoking: each asks for a name first')
    .addOption(new Option('--theme <theme>', 'colours').choices(THEMES))
    .option('--ascii', 'no block glyphs and no signs outside ASCII')
    .option('--full-repaint', 'write every frame whole, for terminals that show remains')
    .action(async (options: DashboardOptions, self) => {
      const invocation = invoke(self, context);
      if (!canShow(context)) {
        const { output } = invocation;
        output.say('odcm: this is no terminal for the dashboard; here is the overview as text.');
        const { printOverview } = await import('./text.ts');
        return await printOverview(invocation);
      }
      await openDashboard(context, invocation.options.home, options);
    });
};

/** Both ends must be a terminal, and one that can place its cursor. */
export function canShow({ stdin, stdout, env }: CommandContext): boolean {
  const isTerminal = 'isTTY' in stdin && stdin.isTTY === true && stdout.isTTY === true;
  return isTerminal && env['TERM'] !== 'dumb';
}

/** Until it is left, or the context says that it is over. */
export async function openDashboard(
  context: CommandContext,
  home: string,
  options: DashboardOptions,
): Promise<void> {
  const { stdin, stdout, stderr, env, signal, createClient } = context;
  // React looks at it once, when it is loaded: its other build is half as fast.
  process.env['NODE_ENV'] = 'production';
  const [{ runDashboard }, { systemClock }, remembering] = await Promise.all([
    import('./run.ts'),
    import('./clock.ts'),
    import('./user-state.ts'),
  ]);
  const file = remembering.userStateFile(env);
  const remembered = await remembering.loadUserState(file);
  const theme = env['NO_COLOR'] ? 'mono' : (options.theme ?? remembered.theme ?? 'dark');
  const running = runDashboard({
    home,
    createClient,
    clock: systemClock,
    stdin,
    stdout,
    stderr,
    signal,
    user: (env['USER'] || env['LOGNAME'] || 'dashboard').slice(0, 100),
    theme,
    ascii: options.ascii ?? describeTerminal(stdout, env).ascii,
    allowChanges: options.allowChanges ?? false,
    fullRepaint: options.fullRepaint ?? false,
    writeFile: (name, text) => createOutput({ stdout, stderr, file: name }).write(text),
    prepare: ({ state, home: known }) => remembering.recall(state, remembered, known()),
  });
  try {
    await running.ended;
  } catch (error) {
    throw new MeshError('INTERNAL', `the dashboard ended: ${messageOf(error)}`, { cause: error });
  } finally {
    const { state, home: last } = running.session;
    const kept = env['NO_COLOR'] ? { ...state, theme: remembered.theme ?? 'dark' } : state;
    await remembering
      .saveUserState(file, remembering.memorise(kept, remembered, last()))
      .catch(() => undefined);
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
