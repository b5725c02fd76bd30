// How enrolment messages travel: the node's in one frame each, ODCM's in parts, because what strangers may send has to be
// smaller than what ODCM answers. Knows nothing of what they say.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { FrameChannel, WaitOptions } from '../net/frames.ts';

export const ENROL_PROTOCOL = '/odcm/enrol/1';

const LENGTH_BYTES = 4;

/** A frame with the length, then frames with the message. */
export async function sendParts(
  channel: FrameChannel,
  message: Uint8Array,
  options: WaitOptions,
): Promise<void> {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  await channel.send(length, options);
  for (let at = 0; at < message.length; at += LIMITS.enrolFrameBytes) {
    await channel.send(message.subarray(at, at + LIMITS.enrolFrameBytes), options);
  }
}

export async function readParts(channel: FrameChannel, options: WaitOptions): Promise<Buffer> {
  const head = Buffer.from(await readOne(channel, options));
  if (head.length !== LENGTH_BYTES) throw new MeshError('MALFORMED', 'not the length of a message');
  const length = head.readUInt32BE();
  if (length > LIMITS.enrolAnswerBytes) {
    throw new MeshError('TOO_LARGE', `an enrolment message of ${length} bytes was announced`);
  }
  const message = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const part = await readOne(channel, options);
    if (at + part.length > length)
      throw new MeshError('MALFORMED', 'an enrolment message is too long');
    message.set(part, at);
    at += part.length;
  }
  return message;
}

/** A frame; that the other side ends here is its fault. */
export async function readOne(channel: FrameChannel, options: WaitOptions): Promise<Uint8Array> {
  const frame = await channel.read(options);
  if (frame !== undefined) return frame;
  throw new MeshError('PEER_UNREACHABLE', 'the other side ended the enrolment in the middle');
}
