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

// renewed are the stamps that the same files have now.
func (s stamps) renewed() stamps {
	now := make(stamps, len(s))
	for path := range s {
		now[path] = stampOf(path)
	}
	return now
}

// olderThan tells whether all files are there, and were changed longer ago.
func (s stamps) olderThan(d time.Duration, now time.Time) bool {
	for _, st := range s {
		if age := now.Sub(st.modified); age >= 0 && age < d || st.err != "" {
			return false
		}
	}
	return true
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{err: err.Error()}
	}
	return stamp{modified: info.ModTime(), size: info.Size()}
}
