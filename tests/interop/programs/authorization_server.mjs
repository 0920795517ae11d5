// An authorization server: oidc-provider with its own sign-in pages, for the resource in the first argument.
// CLIENT_ID is the URL of a client's metadata document, which this program serves itself: it needs no network.
// Writes its URL to stdout, then a line for each registration and each token it issues.
import { createServer } from "node:http";
import Provider, { errors } from "oidc-provider";

const [resource, clientId, redirectUri] = process.argv.slice(2);
const document = {
  client_id: clientId,
  client_name: "Hosted client",
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
};

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  fetch: async () => new Response(JSON.stringify(document), { headers: { "content-type": "application/json" } }),
  scopes: ["use", "run"],
  issueRefreshToken: async () => true,
  features: {
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_context, indicator) {
        if (indicator !== resource) throw new errors.InvalidTarget();
        return { audience: resource, scope: "use run", accessTokenFormat: "jwt", accessTokenTTL: 600 };
      },
    },
  },
});
const report = (text) => process.stdout.write(`${text}\n`);
provider.on("registration_create.success", () => report("registered"));
provider.on("grant.success", (context) => report(`granted ${context.oidc.params.grant_type}`));
provider.on("server_error", (_context, error) => report(`failed ${error}`));
server.on("request", provider.callback());
report(`listening at ${issuer}`);
