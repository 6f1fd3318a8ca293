import { createInterface } from 'node:readline'
import { WrongUse } from './command.ts'

/** A person at the keyboard. */
export interface Terminal {
  /** Reads a line that is seen while it is typed. `instead` says what to do where there is no terminal. */
  ask(question: string, instead: string): Promise<string>
  /** Reads a line that is not seen. */
  askHidden(question: string, instead: string): Promise<string>
}

/** This process's terminal. Questions go to standard error, so that standard output stays the answer. */
export const processTerminal: Terminal = {
  ask: (question, instead) => readLine(question, instead, true),
  askHidden: (question, instead) => readLine(question, instead, false),
}

async function readLine(question: string, instead: string, echo: boolean): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new WrongUse('there is no terminal to ask at', instead)
  }
  // Readline takes the terminal's own echo away, and what it is given no output for stays unseen. It begins before the
  // question: what is typed ahead is not echoed either.
  const output = echo ? { output: process.stderr } : {}
  const lines = createInterface({ input: process.stdin, terminal: true, historySize: 0, ...output })
  if (echo) {
    lines.setPrompt(question)
    lines.prompt()
  } else {
    process.stderr.write(question)
  }
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      // Control-C and Control-D.
      lines.once('close', () => reject(new WrongUse('stopped', 'nothing was signed')))
    })
  } finally {
    lines.close()
    if (!echo) process.stderr.write('\n')
  }
}
