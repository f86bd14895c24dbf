package ballast

// Ready implements ready.Readiness: true once every pool has been seen, in all
// server blocks, since the ready plugin asks one of them. A source that is lost
// later does not count: its last pool stays in use.
func (b *Ballast) Ready() bool {
	for _, f := range b.hub.allFeeds() {
		if !f.known() {
			return false
		}
	}
	return true
}
