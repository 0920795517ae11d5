/* The page's side of MCP Apps (2026-01-26): JSON-RPC with the host, by postMessage. */
{
  const VERSION = "2026-01-26";
  const status = document.getElementById("status");
  let requests = 0;
  const answers = new Map();

  function send(message) {
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  function ask(method, params) {
    const id = ++requests;
    send({ id, method, params });
    return new Promise((resolve) => answers.set(id, resolve));
  }

  function say(text) {
    status.textContent = visible(text);
  }

  function dress(context) {
    if (context?.theme === "light" || context?.theme === "dark") document.documentElement.dataset.theme = context.theme;
  }

  function show(result) {
    const data = result?._meta?.["{{timeline}}"];
    const said = (result?.content ?? []).filter((block) => block.type === "text").map((block) => block.text).join("\n");
    if (data?.lanes) {
      say("");
      showTimeline(data);
    } else {
      say(data?.too_large ? "This timeline is too large to be shown here." : said || "There is no timeline of this call.");
    }
  }

  const hears = {
    "ui/notifications/tool-input": (params) => say(`At work on: ${String(params?.arguments?.prompt ?? "").slice(0, 300)}`),
    "ui/notifications/tool-result": show,
    "ui/notifications/tool-cancelled": (params) => say(`Cancelled${params?.reason ? `: ${params.reason}` : ""}.`),
    "ui/notifications/host-context-changed": dress,
  };
  const answersTo = { "ui/resource-teardown": () => ({}), ping: () => ({}) };

  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== window.parent || message?.jsonrpc !== "2.0") return;
    if (message.method === undefined) {
      answers.get(message.id)?.(message);
      answers.delete(message.id);
    } else if (message.id === undefined) {
      if (Object.hasOwn(hears, message.method)) hears[message.method](message.params);
    } else if (Object.hasOwn(answersTo, message.method)) {
      send({ id: message.id, result: answersTo[message.method]() });
    } else {
      send({ id: message.id, error: { code: -32601, message: "Method not found" } });
    }
  });

  document.documentElement.dataset.app = "";
  say("Waiting for the agent.");
  ask("ui/initialize", {
    appInfo: { name: "mcp-calc-server timeline", version: "1" },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    protocolVersion: VERSION,
  }).then(({ result, error }) => {
    if (error) { say(`The host does not show this app: ${error.message}`); return; }
    dress(result.hostContext);
    send({ method: "ui/notifications/initialized", params: {} });
    let last = "";
    new ResizeObserver(() => {
      const height = Math.ceil(document.body.getBoundingClientRect().height);
      const width = Math.ceil(document.documentElement.scrollWidth);
      if (`${width} ${height}` !== last) send({ method: "ui/notifications/size-changed", params: { width, height } });
      last = `${width} ${height}`;
    }).observe(document.body);
  });
}
