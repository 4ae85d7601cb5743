// Watched segments in seconds, computed as in pod_jobs/xapi/segments.py.

export const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

/** The segments sorted and merged, so that none overlap. */
export function union(segments) {
  const joined = [];
  for (const [begin, end] of [...segments].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && begin <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([begin, end]);
  }
  return joined;
}

export const watched = (segments) => union(segments).reduce((sum, [begin, end]) => sum + end - begin, 0);

/** The Video Profile's spelling: "0[.]12.5[,]20[.]33". */
export const format = (segments) => segments.map(([begin, end]) => `${rounded(begin)}[.]${rounded(end)}`).join("[,]");
