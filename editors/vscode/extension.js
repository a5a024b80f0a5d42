// Starts `flowtrigger lsp` and connects it with VS Code. The server has everything else.
"use strict";

const { commands, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function createClient() {
  const settings = workspace.getConfiguration("flowtrigger");
  const server = {
    command: settings.get("path"),
    args: settings.get("arguments"),
    transport: TransportKind.stdio,
  };
  const documents = ["yaml", "json", "jsonc"].map((language) => ({ scheme: "file", language }));
  return new LanguageClient("flowtrigger", "flowtrigger", server, {
    documentSelector: documents,
    initializationOptions: { inlayHints: settings.get("inlayHints") },
  });
}

async function restart() {
  await stop();
  client = createClient();
  await client.start();
}

async function stop() {
  const stopped = client;
  client = undefined;
  if (stopped) {
    await stopped.stop();
  }
}

async function activate(context) {
  context.subscriptions.push(
    commands.registerCommand("flowtrigger.restart", restart),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("flowtrigger")) {
        return restart();
      }
    }),
  );
  await restart();
}

module.exports = { activate, deactivate: stop };
