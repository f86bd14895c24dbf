package ballast

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/zones"
)

// checked writes files and checks the one that is named Corefile.
func checked(t *testing.T, files map[string]string) []zones.Problem {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := Check(filepath.Join(dir, "Corefile"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range problems {
		problems[i].File, _ = filepath.Rel(dir, problems[i].File)
	}
	return problems
}

const goodZone = `$ORIGIN example.org.
$TTL 3600
@ IN SOA ns1 hostmaster 1 7200 900 1209600 30
@ IN NS ns1
ns1 IN A 192.0.2.53
`

// wants is one mistake that must be told, with its place.
type wants struct {
	file string
	line int
	text string // in the message or its remedy
}

func compare(t *testing.T, problems []zones.Problem, want []wants) {
	t.Helper()
	left := append([]zones.Problem(nil), problems...)
	for _, w := range want {
		found := false
		for i, p := range left {
			if p.File == w.file && p.Line == w.line && strings.Contains(p.Message+"; "+p.Remedy, w.text) {
				left = append(left[:i], left[i+1:]...)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("Not told: %s:%d %q", w.file, w.line, w.text)
		}
	}
	for _, p := range left {
		t.Errorf("Told beside or instead: %v", p)
	}
}

func TestCheckNamesEveryMistakeOfAZone(t *testing.T) {
	problems := checked(t, map[string]string{
		"Corefile": "example.org {\nballast DIR/zone\n}\n",
		"zone": goodZone + `www IN A 192.0.2.300
ftp IN CNAME nowhere
ftp IN A 192.0.2.2
api IN LB srv _api._tcp answers=99
_api._tcp IN SRV 0 1 80 ns1
mx IN MX mail
new IN LB srv _none._tcp
`})
	compare(t, problems, []wants{
		{"zone", 6, "192.0.2.300"},
		{"zone", 7, "ftp"},
		{"zone", 9, "answers=99"},
		{"zone", 12, "_none._tcp"},
		{"zone", 11, "MX"},
	})
}

func TestCheckOfCorefiles(t *testing.T) {
	const lb = "www IN LB srv _http._tcp check=none\n_http._tcp IN SRV 0 1 80 ns1\n"
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []wants
	}{
		{"nothing wrong", map[string]string{"Corefile": "example.org {\nballast DIR/zone\n}\n", "zone": goodZone + lb}, nil},
		{"a block without ballast", map[string]string{"Corefile": "example.net {\nwhoami\n}\n"}, nil},
		{"unknown directive", map[string]string{"Corefile": "example.org {\nballast DIR/zone\nbalast DIR/zone\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, `"balast"`}}},
		{"cache", map[string]string{"Corefile": "example.org {\ncache 30\nballast DIR/zone\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 2, "freezes one answer for its TTL"}}},
		{"cache in a block without ballast", map[string]string{"Corefile": "example.org {\ncache 30\nwhoami\n}\n"}, nil},
		{"loadbalance", map[string]string{"Corefile": "example.org {\nballast DIR/zone\nloadbalance\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, "not a plugin of this build; leave it out: loadbalance shuffles"}}},
		{"plugin that is left out", map[string]string{"Corefile": "example.org {\nballast DIR/zone\nkubernetes\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, `"kubernetes" is not a plugin of this build`}}},
		{"unknown property", map[string]string{"Corefile": "example.org {\nballast DIR/zone {\nreload 5s\nconsull 127.0.0.1:8500\n}\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 4, "unknown property 'consull'"}}},
		{"bad value", map[string]string{"Corefile": "example.org {\nballast DIR/zone {\nreload soon\n}\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, "'soon' is not a duration"}}},
		{"no zone file named", map[string]string{"Corefile": "example.org {\nballast\n}\n"},
			[]wants{{"Corefile", 2, "a zone file is missing"}}},
		{"zone file that is not there", map[string]string{"Corefile": "example.org {\nwhoami\nballast DIR/none\n}\n"},
			[]wants{{"Corefile", 3, "no such file"}}},
		{"Consul missing", map[string]string{"Corefile": "example.org {\nballast DIR/zone\n}\n", "zone": goodZone + "www IN LB consul web\n"},
			[]wants{{"zone", 6, "add 'consul ADDRESS'"}}},
		{"exec missing", map[string]string{"Corefile": "example.org {\nballast DIR/zone\n}\n",
			"zone": goodZone + "www IN LB srv _http._tcp check=exec:up\n_http._tcp IN SRV 0 1 80 ns1\n"},
			[]wants{{"zone", 6, "exec DIR"}}},
		{"token file missing", map[string]string{"Corefile": "example.org {\nballast DIR/zone {\nconsul 127.0.0.1:8500\ntoken DIR/none\n}\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 4, "no such file"}}},
		{"zone of another origin", map[string]string{"Corefile": "example.net {\nballast DIR/zone\n}\n", "zone": "@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n"},
			[]wants{{"zone", 1, "no SOA"}}},
		{"mistakes in several blocks", map[string]string{
			"Corefile": "example.org {\nballast DIR/zone\n}\nexample.net {\nballast DIR/none\n}\nexample.com {\nnosuch\n}\n", "zone": goodZone + "www IN A x\n"},
			[]wants{{"zone", 6, "`x`"}, {"Corefile", 5, "no such file"}, {"Corefile", 8, `"nosuch"`}}},
		{"two directives in one block", map[string]string{
			"Corefile": "example.org example.net {\nballast DIR/zone example.org\nballast DIR/none example.net\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, "no such file"}}},
		{"brace missing", map[string]string{"Corefile": "example.org {\nballast DIR/zone\n", "zone": goodZone},
			[]wants{{"Corefile", 2, "expecting '}'"}}},
		{"root", map[string]string{"Corefile": "example.org {\nroot DIR/zones\nballast zone\n}\n", "zones/zone": goodZone}, nil},
		{"snippet", map[string]string{"Corefile": "(common) {\nerrors\nnosuch\n}\nexample.org {\nimport common\nballast DIR/zone\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, `"nosuch"`}}},
		{"snippet with the directive", map[string]string{"Corefile": "(common) {\nballast DIR/zone {\nrelode 2s\n}\n}\nexample.org {\nimport common\n}\n", "zone": goodZone},
			[]wants{{"Corefile", 3, "unknown property 'relode'"}}},
		{"mistake in an imported file", map[string]string{"Corefile": "example.org {\nwhoami\nimport DIR/part\n}\n", "part": "ballast DIR/zone {\nrelode 2s\n}\n", "zone": goodZone},
			[]wants{{"part", 2, "unknown property 'relode'"}}},
		{"unknown directive in an imported file", map[string]string{"Corefile": "example.org {\nimport part\nballast DIR/zone\n}\n", "part": "errors\nnosuch\n", "zone": goodZone},
			[]wants{{"part", 2, `"nosuch"`}}},
		{"zone served twice", map[string]string{"Corefile": "(c) {\nerrors {\n}\n}\nexample.org {\nimport c\n}\nexample.net,\nexample.org:53 {\nwhoami\n}\n"},
			[]wants{{"Corefile", 9, "dns://example.org.:53 is already defined by the server block at Corefile:5"}}},
		{"zone served twice, by an imported block", map[string]string{"Corefile": "import blocks\nexample.org {\nwhoami\n}\n", "blocks": "# ours\nexample.org {\nwhoami\n}\n"},
			[]wants{{"Corefile", 2, "already defined by the server block at blocks:2"}}},
		{"zone served twice, by a snippet", map[string]string{"Corefile": "(all) {\nexample.org {\nwhoami\n}\n}\nimport all\nexample.org {\nwhoami\n}\n"},
			[]wants{{"Corefile", 0, "already defined by another server block"}}},
		{"zone by two transports", map[string]string{"Corefile": "example.org:853 {\nwhoami\n}\ntls://example.org {\nwhoami\n}\nhttps://example.org {\nwhoami\n}\n"}, nil},
		{"port that there is not", map[string]string{"Corefile": "example.org:53 example.net:99999 {\nwhoami\n}\n"},
			[]wants{{"Corefile", 1, "port 99999 is impossible; write [SCHEME://]ZONE[:PORT] with a port of 1 to 65535"}}},
		{"block without braces", map[string]string{"Corefile": "example.org:99999\nwhoami\n"},
			[]wants{{"Corefile", 1, "port 99999"}}},
		{"imported file that is not there", map[string]string{"Corefile": "example.org {\nimport none\n}\n"},
			[]wants{{"Corefile", 2, "not found: none"}}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, checked(t, tc.files), tc.want) })
	}
}

func TestCheckOfNoCorefile(t *testing.T) {
	if _, err := Check(filepath.Join(t.TempDir(), "Corefile")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Error is %v, not that the file does not exist", err)
	}
}

// What Check finds nothing wrong with starts, and so do the examples.
func TestCheckOfTheExamples(t *testing.T) {
	t.Chdir("..")
	problems, err := Check("Corefile.example")
	if err != nil || len(problems) > 0 {
		t.Errorf("Corefile.example: %v %v", problems, err)
	}
}

func TestCheckReadsCookieDirectives(t *testing.T) {
	compare(t, checked(t, map[string]string{
		"Corefile": "example.org {\ncookie\nballast DIR/zone\n}\nexample.net {\nroot DIR\ncookie secrets {\nrequire\n}\n}\n",
		"zone":     goodZone,
		"secrets":  "00112233445566778899aabbccddeeff\n",
	}), nil)
	compare(t, checked(t, map[string]string{
		"Corefile": "example.org {\ncookie DIR/none\n}\nexample.net {\ncookie {\nrequires\n}\n}\n",
	}), []wants{
		{"Corefile", 2, "no such file"},
		{"Corefile", 6, "unknown property 'requires'; known is require"},
	})
}
