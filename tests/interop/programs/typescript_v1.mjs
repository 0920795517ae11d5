// The TypeScript SDK 1.x: how to reach the server is the argument, as JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { useServer } from "./use_server.mjs";

const server = JSON.parse(process.argv[2]);
const client = new Client({ name: "interop", version: "1.0.0" });
let revision;
for (const Transport of [StdioClientTransport, SSEClientTransport, StreamableHTTPClientTransport]) {
  // The client tells its transport, and nobody else, what was agreed on.
  Transport.prototype.setProtocolVersion = function (version) {
    revision = version;
    this._protocolVersion = version;
  };
}
await useServer(server, client, { StdioClientTransport, SSEClientTransport, StreamableHTTPClientTransport }, () => revision);
