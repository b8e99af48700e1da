// Loaded before the command by NODE_OPTIONS: notes each program that it starts.
import { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';

const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (options) {
  const result = spawn.call(this, options);
  if (this.pid !== undefined) appendFileSync(process.env.SPAWN_LOG, `${JSON.stringify(options.args)}\n`);
  return result;
};
