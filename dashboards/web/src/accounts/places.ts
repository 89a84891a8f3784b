/** Whether this browser can open an address: one of a machine itself only on that machine. */

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export function isReachable(url: string | null, page: string = location.hostname): url is string {
  return url !== null && (!LOOPBACK.test(new URL(url).hostname) || LOOPBACK.test(page));
}
