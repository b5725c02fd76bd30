import { isMeshError } from '../../../protocols/errors.ts';

/** The code that the work is refused with; anything else that goes wrong fails the test. */
export async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
  return 'nothing was refused';
}
