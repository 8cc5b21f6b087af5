// Times as Slack shows them, in the zone of the person one is.

const formatters = new Map(); // making one is slow, and a channel asks for hundreds

function formatter(locale, zone, parts) {
  const key = `${locale} ${zone} ${JSON.stringify(parts)}`;
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone, ...parts }));
  return formatters.get(key);
}

const day = (date, zone) => formatter("en-CA", zone, {}).format(date);

/** One moment; `parts` are options of Intl.DateTimeFormat. */
const format = (date, zone, parts) => formatter("en-US", zone, parts).format(date);

const TIME = { hour: "numeric", minute: "2-digit" };
const SHORT = { month: "short", day: "numeric", year: "numeric" };
const MEDIUM = { month: "long", day: "numeric", year: "numeric" };
const LONG = { weekday: "long", ...MEDIUM };

/** "today", "yesterday", "tomorrow", or nothing. */
function near(date, zone) {
  const days = [["today", 0], ["yesterday", -86_400_000], ["tomorrow", 86_400_000]];
  return days.find(([, shift]) => day(date, zone) === day(new Date(Date.now() + shift), zone))?.[0];
}

const FORMATS = {
  date_num: (d, z) => day(d, z),
  date_slash: (d, z) => format(d, z, { year: "numeric", month: "2-digit", day: "2-digit" }),
  date: (d, z) => format(d, z, MEDIUM),
  date_short: (d, z) => format(d, z, SHORT),
  date_long: (d, z) => format(d, z, LONG),
  date_pretty: (d, z) => near(d, z) ?? format(d, z, MEDIUM),
  date_short_pretty: (d, z) => near(d, z) ?? format(d, z, SHORT),
  date_long_pretty: (d, z) => near(d, z) ?? format(d, z, LONG),
  day_divider_pretty: (d, z) => near(d, z) ?? format(d, z, LONG),
  time: (d, z) => format(d, z, TIME),
  time_secs: (d, z) => format(d, z, { ...TIME, second: "2-digit" }),
  ago: (d) => relative(d),
};

/** "in 25 minutes", "3 hours ago". */
export function relative(date, now = Date.now()) {
  const seconds = (date.getTime() - now) / 1000;
  const steps = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", Infinity]];
  let size = seconds;
  for (const [unit, next] of steps) {
    if (Math.abs(size) < next || next === Infinity) {
      return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(size), unit);
    }
    size /= next;
  }
  return "";
}

/** Slack's date template: `{date_short} at {time}`. Unknown tokens stay. */
export function template(date, text, zone) {
  return text.replace(/\{(\w+)\}/g, (whole, token) => FORMATS[token]?.(date, zone) ?? whole);
}

export const clockTime = (date, zone) => FORMATS.time(date, zone);
export const full = (date, zone) => `${FORMATS.date_long(date, zone)} at ${FORMATS.time_secs(date, zone)}`;
export const dayOf = day;
export const dayName = (date, zone) => {
  const name = FORMATS.day_divider_pretty(date, zone);
  return name[0].toUpperCase() + name.slice(1);
};

/** Keeps what is said of moments true while they come nearer. */
export function refreshMoments(root, zone) {
  for (const node of root.querySelectorAll("[data-moment]")) {
    const date = new Date(Number(node.dataset.moment) * 1000);
    node.title = `${full(date, zone)} (${relative(date)})`;
    if (node.dataset.template) node.textContent = template(date, node.dataset.template, zone);
  }
}
