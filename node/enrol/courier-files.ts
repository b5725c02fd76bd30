// Reading the files that a courier brings: plain files only, what they say they are before their size, and their size before
// anything in them is believed.

import { assertFileHead, type CourierFile, FILE_HEAD_BYTES } from '../../certs/courier-file.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { openPlainFile } from '../gap/read-bundle.ts';

const MOST_BYTES: Readonly<Record<CourierFile, number>> = {
  'odcm-enrolment-offer': LIMITS.enrolOfferFileBytes,
  'odcm-enrolment-request': 2 * LIMITS.enrolFrameBytes,
  'odcm-enrolment-answer': LIMITS.enrolAnswerFileBytes,
  'odcm-certificate-request': LIMITS.enrolFrameBytes,
  'odcm-certificate-answer': LIMITS.enrolOfferFileBytes,
};

/** @throws FILE_UNREADABLE, FILE_EMPTY, MALFORMED when it is another of these files, TOO_LARGE */
export async function readCourierFile(path: string, wanted: CourierFile): Promise<Buffer> {
  const most = MOST_BYTES[wanted];
  const file = await openPlainFile(path, Number.POSITIVE_INFINITY);
  try {
    const head = Buffer.alloc(FILE_HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    assertFileHead(head.subarray(0, bytesRead), wanted);
    const { size } = await file.stat();
    if (size === 0) {
      throw new MeshError('FILE_EMPTY', `${path} is empty`, { next: 'Have it copied again.' });
    }
    if (size > most) throw new MeshError('TOO_LARGE', `${path} has ${size} bytes, not ${most}`);
    // What is added meanwhile is not read.
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; ) {
      const { bytesRead: read } = await file.read(bytes, at, size - at, at);
      if (read === 0) throw new MeshError('FILE_UNREADABLE', `${path} became shorter meanwhile`);
      at += read;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
