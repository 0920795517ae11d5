// What both versions of the TypeScript SDK do with the server.
export async function useServer(server, client, transports, revision) {
  const { StdioClientTransport, SSEClientTransport, StreamableHTTPClientTransport } = transports;
  const transport =
    server.transport === "stdio"
      ? new StdioClientTransport({ command: server.command, args: server.args })
      : server.transport === "sse"
        ? new SSEClientTransport(new URL(server.url))
        : new StreamableHTTPClientTransport(new URL(server.url));
  await client.connect(transport);
  const { tools } = await client.listTools();
  const product = await client.callTool({ name: "multiply_numbers", arguments: { numbers: [4, "9.75"] } });
  const answer = await client.callTool({ name: "calculator_assistant_agent", arguments: { prompt: server.prompt } });
  const told = {
    revision: revision(),
    tools: tools.length,
    product: product.structuredContent,
    answer: answer.structuredContent,
  };
  await client.close();
  console.log(JSON.stringify(told));
}
