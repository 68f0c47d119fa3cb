/* Added to the theme, after its own script. */
"use strict";

addEventListener("load", () => {
  // What scrolls must be reachable with the keyboard.
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
    table.tabIndex = 0;
  }
  // Paths break before a slash, names after a dot or an underscore, not inside a word.
  for (const element of document.querySelectorAll("article h1, article td:not(:first-child) code, article li code")) {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
      found.push(texts.currentNode);
    }
    for (const text of found) {
      const parts = text.data.split(/(?=\/)|(?<=[._[])/);
      text.replaceWith(...parts.flatMap((part, number) => (number ? [document.createElement("wbr"), part] : [part])));
    }
  }
  // The search shows where a result is in too faint a gray; styles of the page do not reach into it.
  const search = [...document.body.children].find((element) => element.shadowRoot);
  search?.shadowRoot.append(
    Object.assign(document.createElement("style"), {
      textContent: "menu, [role=status] { color: rgb(var(--color-foreground) / .7) !important; opacity: 1 !important }",
    }),
  );
});
