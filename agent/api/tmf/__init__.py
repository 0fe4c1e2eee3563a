"""TM Forum Open APIs v4, one module each. Their spellings exist only here.

How to write an API module
--------------------------
1. Its base path, the `basePath` of the official Swagger file, goes into `paths.py`; its tag into `agent.api.openapi`; its
   router into `agent.api.app.ROUTERS`.
2. Shapes of answers go into `shapes.py`: `named("Thing", opened(id=TEXT, …))`, with `**KIND` for `@type` and its like. What is
   sent is a model derived from `open.Open`, which keeps attributes of the client's own. Names of shapes are unique over all
   APIs.
3. A `Listing` says how rows are listed: `texts` and `instants` are what the database filters, `shape` what a client may ask
   for. Several tables that hold one kind of resource are `Joined((listing, listing))`.
4. Answer with `agent.api.answers`: `list_answer` and `one_answer` do fields, filters, sort, pages and the `ETag`. What changes
   anything is `once(request, parts, actor, body, work)`: `work(session, at)` runs in one transaction, behind the
   `Idempotency-Key`, and returns `created(document)`, `changed(document)` or `GONE`.
5. PATCH: `document = patched(document, body.data, PatchRules(server_set=…, transitions=…))` (`agent.api.patch`) after
   `require_match(request, document)` (`agent.api.etag`). A list of characteristics is merged by name:
   `characteristics.overlaid`.
6. What fabd only keeps for others (a category, a service found on the network) is a `RecordKind`, and `record_routes(router,
   kind)` gives it all verbs, events included; with `others=lambda parts: (listing,)` what fabd knows by itself is listed beside
   it.
7. Events: `hub_routes(router, Hub(BASE, {"thing": ("Create", "StateChange")}))`. Whoever publishes an event puts the resource
   under its name, `{"thing": {…}}`: by that name hubs find what is theirs.
8. `described(summary, *WRITES | *PATCHES | *DELETES, answer=shape, body=Model, patch=True)` tells the OpenAPI document the
   rest. Mistakes are raised as `agent.api.errors` (or the errors of the floors below) and answered in the form that was asked
   for.
9. `tests/conformance/operations.py` has a table of every operation of every official Swagger file: add yours, or it fails.
"""
