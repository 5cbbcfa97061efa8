/**
 * A failure whose message is all that a user needs: it names the cause and the remedy. The tools show
 * it without a stack trace; every other error is a bug in the tools.
 */
export class UserError extends Error {}
