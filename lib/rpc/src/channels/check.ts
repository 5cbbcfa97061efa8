/** What every channel refuses to send. */
import type { Attachment, Channel } from '../channel.ts';

/** Throws what Channel.send() says it throws. */
export function checkMessage(
  channel: Channel,
  bytes: Uint8Array,
  attachments: readonly Attachment[],
): void {
  if (bytes.length > channel.longestMessage) {
    const most = channel.longestMessage;
    throw new RangeError(`A message of ${bytes.length} bytes is too long: ${most} are the most.`);
  }
  if (attachments.length === 0) return;
  if (attachments.length > channel.mostAttachments) {
    const most = channel.mostAttachments;
    throw new RangeError(`${attachments.length} attachments are too many: ${most} are the most.`);
  }
  if (attachments.length > 1 && new Set(attachments).size !== attachments.length) {
    throw new TypeError('An attachment is there twice.');
  }
  for (let index = 0; index < attachments.length; index += 1) {
    const item = attachments[index] as Attachment;
    if (item instanceof ArrayBuffer) {
      if (item.detached) throw new TypeError(`Attachment ${index} has been moved away already.`);
    } else if (!(item instanceof SharedArrayBuffer) && !channel.carries(item)) {
      throw new TypeError(`Attachment ${index} is nothing that this channel carries.`);
    }
  }
}
