// Command sim judges policies in the model of package world: how evenly they
// load unequal servers through caches that nobody controls. It writes tables as
// Markdown and JSON, and pictures. The same seeds give the same report.
package main
