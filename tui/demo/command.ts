// `odcm demo`: a whole mesh on this machine with sample data, and what `npm start` runs.

import { MeshError } from '../../protocols/errors.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';

interface DemoFlags {
  readonly once?: boolean;
  readonly dir?: string;
  readonly ascii?: boolean;
  readonly home?: string;
}

export const register: Register = (program, context) => {
  program
    .command('demo')
    .helpGroup(GROUPS.running)
    .description(
      'a whole mesh on this machine: plays scenarios, then opens the dashboard on it; q stops all',
    )
    .option('--once', 'end after the scenarios; exit code 1 when an outcome is not as promised')
    .option(
      '--dir <dir>',
      'where its data lives (default: $ODCM_DEMO_HOME, then odcm-demo-UID in the temporary folder)',
    )
    .option('--ascii', 'no signs beyond ASCII')
    .action(async (flags: DemoFlags, self) => {
      const invocation = invoke(self, context);
      if (self.optsWithGlobals()['home'] !== undefined) {
        throw new MeshError('USAGE', 'odcm demo makes nodes of its own and takes no --home', {
          next: 'Where they live is said with: odcm demo --dir DIR',
        });
      }
      const { assertDemoFormat, endsByItself, runDemo } = await import('./demo.ts');
      const { demoDir } = await import('./folder.ts');
      assertDemoFormat(invocation);
      await runDemo(invocation, {
        dir: demoDir(flags.dir, context.env),
        once: flags.once === true || endsByItself(invocation),
        ascii: flags.ascii === true,
      });
    });
};
