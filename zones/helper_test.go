package zones

import (
	"io"
	"strings"
	"testing/fstest"
)

// head begins the zones of the tests: it is their line 1 to 4.
const head = `$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 30
@ NS ns1
ns1 A 192.0.2.53
`

// files are what the zones of the tests can include.
var files = fstest.MapFS{
	"hosts.zone":      {Data: []byte("$TTL 60\nh1 A 192.0.2.1\nh2 A 192.0.2.2\n")},
	"inherit.zone":    {Data: []byte(" TXT inherited\n$ORIGIN deep\nh A 192.0.2.3\n")},
	"wrong.zone":      {Data: []byte("ok A 192.0.2.1\n\nbad A 192.0.2.256\n")},
	"a/outer.zone":    {Data: []byte("outer A 192.0.2.4\n$INCLUDE inner.zone inner\n")},
	"a/inner.zone":    {Data: []byte("@ A 192.0.2.5\n")},
	"circle1.zone":    {Data: []byte("$INCLUDE circle2.zone\n")},
	"circle2.zone":    {Data: []byte("x A 192.0.2.6\n$INCLUDE ./circle1.zone\n")},
	"blank.zone":      {Data: []byte("$ORIGIN example.org.\n 300 IN A 192.0.2.7\n")},
	"two words.zone":  {Data: []byte("spaced A 192.0.2.8\n")},
	"unfinished.zone": {Data: []byte("x TXT ( a\n")},
}

func testSettings() Settings {
	return Settings{
		Policies: []string{"headroom", "wrr"},
		Open: func(path string) (io.ReadCloser, error) {
			f, err := files.Open(path)
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{f, f}, nil
		},
	}
}

// parseText reads a zone example.org that begins with head; text is at line 5.
func parseText(text string) (*Zone, []Problem) {
	return Parse(strings.NewReader(head+text+"\n"), "example.org", "test.zone", testSettings())
}

// split splits the data of a record as the scanner of zone files does.
func split(text string) []string {
	s := newScanner([]byte(text), func(int, int, mistake) {})
	e, _ := s.next()
	return texts(e.words)
}
