package ballast

import "time"

// How often the pools are written. All of them are written each time, so the
// more there is of them the more seldom: the disk gets no more than keepRate,
// and one core is busy with it, or with looking for news, for no more than a
// hundredth of the time.
const (
	keepPause = 2 * time.Second  // between two writes, at least
	keepAges  = 30 * time.Second // until ages and loads alone are worth one
	keepRetry = 5 * time.Second  // after a failure
	keepRate  = 256 << 10        // bytes a second
	keepShare = 100              // of the time that a write took
)

// news is what a file does not have yet.
type news int

const (
	nothing news = iota
	ages         // how old pools are, loads, and other things that pass quickly
	changes      // servers or their health
)

// keepPace tells when the next write is due.
type keepPace struct {
	tried time.Time // when the last write ended; zero if there was none
	took  time.Duration
	size  int64 // of what was written
	err   error // of the last write
}

func (p *keepPace) due(n news, now time.Time) bool {
	wait := p.pause()
	if n == ages {
		wait = max(wait, keepAges)
	}
	return n != nothing && (p.tried.IsZero() || now.Sub(p.tried) >= wait)
}

// pause is the shortest time until the next write.
func (p *keepPace) pause() time.Duration {
	if p.err != nil {
		return keepRetry
	}
	return max(keepPause, keepShare*p.took, time.Duration(p.size)*time.Second/keepRate)
}

// note takes in how a write went.
func (p *keepPace) note(began, ended time.Time, size int64, err error) error {
	p.tried, p.err = ended, err
	if err == nil {
		p.took, p.size = ended.Sub(began), size
	}
	return err
}
