// Package directives knows which plugins bin/coredns is made of, for it and for
// who judges its Corefile without being built of all of them.
package directives

// Order is the order in which a query passes the plugins. It is the order
// of CoreDNS's plugin.cfg with ballast just before file, so that everything
// that signs, caches, limits or observes answers stands above it, and cookie
// above everything that answers.
var Order = []string{
	"root", "metadata", "cancel", "timeouts", "multisocket", "reload", "nsid",
	"bufsize", "bind", "debug", "trace", "ready", "health", "pprof", "shed",
	"prometheus", "errors", "log", "dnstap", "cookie", "any", "chaos", "tsig", "rewrite",
	"acl", "cache", "header", "dnssec", "tls", "minimal", "template",
	"transfer", "ballast", "file", "secondary", "loop", "forward", "whoami",
	"sign", "view",
}
