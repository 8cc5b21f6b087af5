// Builds elements. Text is always a text node, so nothing that anybody wrote can become markup.

/** An element with properties, `data` attributes, `on` listeners, other attributes, and children. */
export function h(tag, { className, data, on, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(data ?? {})) if (value != null) element.dataset[name] = value;
  for (const [name, listener] of Object.entries(on ?? {})) element.addEventListener(name, listener);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== "" && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** A person's initials on a colour of their own. */
export function avatar(user, extra = "") {
  const name = user?.real_name || user?.name || "?";
  const initials = name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  const shade = [...(user?.id ?? "")].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 8, 0);
  const kind = user?.is_bot ? "bot" : `shade-${shade}`;
  return h("span", { className: `avatar ${kind} ${extra}`, "aria-hidden": "true" }, initials);
}

/** Only addresses that a browser may be sent to. */
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A link, or its label as plain text if the address is not safe. */
export function link(address, ...label) {
  const href = safeUrl(address);
  if (href === null) return h("span", {}, ...label);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", title: href }, ...label);
}
