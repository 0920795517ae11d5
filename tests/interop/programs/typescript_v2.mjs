// The TypeScript SDK 2.x: how to reach the server is the argument, as JSON.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { useServer } from "./use_server.mjs";

const server = JSON.parse(process.argv[2]);
const mode = server.revision >= "2026" ? { pin: server.revision } : "legacy";
const client = new Client({ name: "interop", version: "1.0.0" }, { versionNegotiation: { mode } });
await useServer(server, client, { StdioClientTransport, SSEClientTransport, StreamableHTTPClientTransport }, () =>
  client.getNegotiatedProtocolVersion(),
);
