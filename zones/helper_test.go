package zones

import "strings"

// head begins the zones of the tests: it is their line 1 to 4.
const head = `$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 30
@ NS ns1
ns1 A 192.0.2.53
`

var testSettings = Settings{Policies: []string{"headroom", "wrr"}}

// parseText reads a zone example.org that begins with head; text is at line 5.
func parseText(text string) (*Zone, []Problem) {
	return Parse(strings.NewReader(head+text+"\n"), "example.org", "test.zone", testSettings)
}
