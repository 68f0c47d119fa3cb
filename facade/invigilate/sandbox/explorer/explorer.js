"use strict";

const load = async (path) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
};

const find = (settings, key) => settings.apis.find((api) => api.key === key) ?? settings.apis[0];

const link = (api, current) => {
  const anchor = document.createElement("a");
  anchor.href = `?api=${encodeURIComponent(api.key)}`;
  anchor.textContent = api.title;
  if (api === current) anchor.setAttribute("aria-current", "page");
  return anchor;
};

const start = async () => {
  const settings = await load("settings.json");
  const api = find(settings, new URLSearchParams(location.search).get("api"));
  document.getElementById("apis").append(...settings.apis.map((each) => link(each, api)));

  // Access tokens expire. Those that were filled in are replaced by fresh ones, those that somebody typed are not.
  const renew = async (request) => {
    if (!request.url.startsWith(`${api.url}/`)) return request;
    const fresh = find(await load("settings.json"), api.key).credentials;
    for (const [scheme, old] of Object.entries(api.credentials)) {
      for (const [name, value] of Object.entries(request.headers)) {
        if (value === old || value === `Bearer ${old}`) request.headers[name] = value.replace(old, fresh[scheme]);
      }
    }
    return request;
  };

  const ui = SwaggerUIBundle({
    dom_id: "#explorer",
    url: `specs/${api.key}.json`,
    validatorUrl: null,
    tryItOutEnabled: true,
    deepLinking: true,
    filter: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    requestInterceptor: renew,
    onComplete: () => {
      for (const [scheme, value] of Object.entries(api.credentials)) ui.preauthorizeApiKey(scheme, value);
    },
  });
};

start().catch((error) => {
  const message = document.createElement("p");
  message.className = "failed";
  message.textContent = `The explorer cannot start: ${error.message}. Is the sandbox still running?`;
  document.getElementById("explorer").append(message);
});
