/** So far a clock may be set back and time here does not follow it. */
const most = 86_400_000

/**
 * Time for everything that the platform decides: it never goes back to before what was recorded, so what has expired
 * stays so. Where the clock is behind that, set back or corrected, time goes on at half its speed until the clock has
 * caught up. A clock that is behind by more than a day is believed all the same: then it was ahead, and a platform that
 * went on there would be of no use to anyone.
 * @param wall the time of day, Unix milliseconds
 * @param recorded the time of the newest fact
 * @param behind told once each time the clock is found behind, and by how much
 */
export function steadyClock(
  wall: () => number,
  recorded: number,
  behind: (milliseconds: number, isBelieved: boolean) => void,
): () => number {
  let time = recorded
  let seen = wall()
  let isBehind = false
  return () => {
    const now = wall()
    const passed = Math.max(0, now - seen)
    seen = now
    const late = time - now
    if (late > most) {
      behind(late, true)
      isBehind = false
      time = now
    } else if (late <= 0) {
      isBehind = false
      time = now
    } else {
      if (!isBehind) behind(late, false)
      isBehind = true
      time += passed / 2
    }
    return Math.floor(time)
  }
}
