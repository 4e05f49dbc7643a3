import { Argument, type Command } from 'commander';
import { type JsonFlags, run, withManual, withRelay, withStored } from './command-line.js';
import type { DoctorFlags } from './doctor.js';
import type { IdentityFlags } from './identity.js';

/** Adds `agent` and `doctor`. */
export function addAgentCommands(program: Command): void {
  withManual(
    withStored(
      program.command('agent').description('show the process that holds your connections to relays, or stop it'),
    ).addArgument(new Argument('[action]').choices(['show', 'stop']).default('show')),
    {
      details: `
Commands of one identity share one process, the agent. The first command starts it; it ends after the last one. If it is
killed, the commands start another, but channels that were open through it break. stop also ends the commands that use it.`,
      examples: [
        ['sws agent', 'show the commands that run, and their relays'],
        ['sws agent stop', 'free the identity for another program'],
      ],
      exits: { 0: 'shown or stopped, or none is running', 1: 'wrong usage, or the agent does not answer' },
    },
  ).action((action: 'show' | 'stop', flags: IdentityFlags & JsonFlags) =>
    run(flags, async () => {
      const { showAgent, stopAgent } = await import('./agent/control-agent.js');
      return action === 'stop' ? stopAgent(flags) : showAgent(flags);
    }),
  );

  withManual(withRelay(program.command('doctor').description('check everything that a connection needs')), {
    details:
      'Checks the version, the identity, the agent, the proxy, the clock, and whether the relay can be reached and registers you.',
    examples: [['sws doctor --relay wss://relay.example', 'find out why a connection fails']],
    exits: { 0: 'everything works', 1: 'something does not' },
  }).action((flags: DoctorFlags & JsonFlags) =>
    run(flags, async (tell) => {
      const { doctor } = await import('./doctor.js');
      return doctor(flags, program.version() ?? '', tell, flags.json === true);
    }),
  );
}
