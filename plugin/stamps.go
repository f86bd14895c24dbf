package ballast

import (
	"io"
	"os"
	"time"

	"github.com/ballast-lb/ballast/zones"
)

// stamps tell the versions of the files that a zone was read from, be it in
// vain: a file that was missing counts as well.
type stamps map[string]stamp

type stamp struct {
	modified time.Time
	size     int64
	err      string
}

// open opens a file for the zone parser. The stamp is taken before anything is
// read, so that a change during the reading is seen as one afterwards.
func (s stamps) open(path string) (io.ReadCloser, error) {
	s[path] = stampOf(path)
	return zones.OpenFile(path)
}

// changed tells whether one of the files is another than it was.
func (s stamps) changed() bool {
	for path, was := range s {
		if stampOf(path) != was {
			return true
		}
	}
	return false
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{err: err.Error()}
	}
	return stamp{modified: info.ModTime(), size: info.Size()}
}
