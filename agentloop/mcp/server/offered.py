"""Requests for prompts, resources and completions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import ConfigurationError
from agentloop.mcp.server import timeline_app
from agentloop.mcp.server.calls import Context
from agentloop.mcp.server.prompts import Prompt, completion
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.resources import Resource

Page = types.PaginatedRequestParams | None


class Offered:
    """The prompts and resources that a server publishes, beside the page of the timeline. Names and URIs are unique."""

    def __init__(self, publication: Publication, prompts: Sequence[Prompt], resources: Sequence[Resource]) -> None:
        self._admit = publication.admit_read
        self._prompts = {prompt.name: prompt for prompt in prompts}
        self._resources = {resource.uri: resource for resource in resources}
        for what, given, kept in (("prompt", prompts, self._prompts), ("resource", resources, self._resources)):
            if len(given) > len(kept):
                names = Counter(each.name if isinstance(each, Prompt) else each.uri for each in given)
                raise ConfigurationError(f"More than one {what} is published as {names.most_common(1)[0][0]}.")

    def handlers(self) -> dict[str, Any]:
        """Arguments for the SDK's server. It declares a capability for each."""
        handlers: dict[str, Any] = {"on_list_resources": self.list_resources, "on_read_resource": self.read_resource}
        if self._resources:
            handlers["on_list_resource_templates"] = self.list_templates
        if self._prompts:
            handlers |= {"on_list_prompts": self.list_prompts, "on_get_prompt": self.get_prompt}
        prompts, resources = self._prompts.values(), self._resources.values()
        if any(each.values for each in prompts) or any(each.values for each in resources):
            handlers["on_completion"] = self.complete
        return handlers

    async def list_resources(self, context: Context, _page: Page) -> types.ListResourcesResult:
        await self._admit(context)
        listed = [
            types.Resource(uri=each.uri, **each.about()) for each in self._resources.values() if not each.variables
        ]
        return types.ListResourcesResult(resources=[*listed, timeline_app.listed_page()])

    async def list_templates(self, context: Context, _page: Page) -> types.ListResourceTemplatesResult:
        await self._admit(context)
        own = [each for each in self._resources.values() if each.variables]
        templates = [types.ResourceTemplate(uri_template=each.uri, **each.about()) for each in own]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        await self._admit(context)
        uri = str(params.uri)
        if uri == timeline_app.URI:
            return types.ReadResourceResult(contents=[timeline_app.read_page()])
        for resource in self._resources.values():
            variables = resource.matched(uri)
            if variables is not None:
                return types.ReadResourceResult(contents=[await resource.read(uri, variables)])
        raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri[:200]!r}.", {"uri": uri[:200]})

    async def list_prompts(self, context: Context, _page: Page) -> types.ListPromptsResult:
        await self._admit(context)
        return types.ListPromptsResult(prompts=[prompt.listed() for prompt in self._prompts.values()])

    async def get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        await self._admit(context)
        prompt = self._prompt(params.name)
        messages = await prompt.messages(params.arguments or {})
        return types.GetPromptResult(description=prompt.listed().description, messages=messages)

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        await self._admit(context)
        if isinstance(params.ref, types.PromptReference):
            return completion(self._prompt(params.ref.name).values, params.argument)
        if params.ref.uri not in self._resources:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource template {params.ref.uri[:200]!r}.")
        return completion(self._resources[params.ref.uri].values, params.argument)

    def _prompt(self, name: str) -> Prompt:
        if name not in self._prompts:
            raise MCPError(types.INVALID_PARAMS, f"There is no prompt {name[:100]!r}.")
        return self._prompts[name]
