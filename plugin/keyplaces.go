package ballast

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/caddy/caddyfile"
)

// keyPlace is where the key of a server block stands. The Corefile's parser
// does not tell. Line is 0 if it is not known.
type keyPlace struct {
	file string
	line int
}

func (p keyPlace) String() string {
	if p.line == 0 {
		return "another server block"
	}
	return fmt.Sprintf("the server block at %s:%d", filepath.Base(p.file), p.line)
}

func (p keyPlace) problem(message, remedy string) zones.Problem {
	return zones.Problem{File: p.file, Line: p.line, Message: message, Remedy: remedy}
}

// keyPlaces finds the keys of blocks in the Corefile and in what it imports.
func keyPlaces(path string, blocks []caddyfile.ServerBlock) [][]keyPlace {
	found := placesIn(path)
	known := len(found) == len(blocks) // or snippets hold whole blocks
	places := make([][]keyPlace, len(blocks))
	for i := range blocks {
		places[i] = make([]keyPlace, len(blocks[i].Keys))
		for k := range places[i] {
			places[i][k].file = path
			if known && k < len(found[i]) {
				places[i][k] = found[i][k]
			}
		}
	}
	return places
}

// placesIn are the places of a file that could be parsed, by server block.
func placesIn(path string) (blocks [][]keyPlace) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var keys []keyPlace
	snippet, depth := false, 0
	for d := caddyfile.NewDispenser(path, bytes.NewReader(text)); d.Next(); {
		switch word := d.Val(); {
		case word == "{":
			if depth++; depth == 1 && !snippet {
				blocks = append(blocks, keys)
			}
			keys = nil
		case word == "}":
			depth--
			snippet = false
		case depth > 0:
		case word == "import" && len(keys) == 0 && d.NextArg():
			blocks = append(blocks, placesOf(path, d.Val())...)
		default:
			snippet = strings.HasPrefix(word, "(")
			keys = append(keys, keyPlace{path, d.Line()})
		}
	}
	if len(keys) > 0 { // a block without braces is the only one
		blocks = append(blocks, keys)
	}
	return blocks
}

// placesOf are the places in imported files. A snippet that is imported outside of
// server blocks looks like one that is not there.
func placesOf(path, pattern string) (blocks [][]keyPlace) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(path), pattern)
	}
	files, _ := filepath.Glob(pattern) // the parser has taken the pattern
	for _, file := range files {
		blocks = append(blocks, placesIn(file)...)
	}
	return blocks
}
