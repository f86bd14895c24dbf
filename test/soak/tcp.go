package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// tcpAsker asks over TCP: several questions over a connection, one after another
// or some at once, then over the next.
type tcpAsker struct {
	bench     *examiner
	questions *questions
	addr      string
	rate      float64
	next      uint16
}

func (a *tcpAsker) run(ctx context.Context) error {
	ticker := time.NewTicker(time.Duration(float64(time.Second) * tcpBatch / a.rate))
	defer ticker.Stop()
	var conn net.Conn
	defer func() { closeIf(conn) }()
	for left := 0; ; left-- {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if left == 0 {
			closeIf(conn)
			conn, left = nil, 1+a.questions.random.IntN(20)
		}
		batch, err := a.batch()
		if err != nil {
			return err
		}
		conn = a.exchange(conn, batch)
	}
}

func closeIf(c net.Conn) {
	if c != nil {
		c.Close()
	}
}

// tcpBatch is how many questions are sent at once (RFC 7766 section 6.2.1.1).
const tcpBatch = 3

// sentence is a question that is ready to be sent.
type sentence struct {
	asked oracle.Asked
	id    uint16
	wire  []byte // with its length before it
}

func (a *tcpAsker) batch() ([]sentence, error) {
	batch := make([]sentence, tcpBatch)
	for i := range batch {
		q := a.questions.next()
		packet, err := message(q, a.next)
		if err != nil {
			return nil, err
		}
		wire := binary.BigEndian.AppendUint16(nil, uint16(len(packet)))
		batch[i] = sentence{oracle.Asked{Question: q, Sent: a.bench.clock.now()}, a.next, append(wire, packet...)}
		a.next++
		a.bench.tally.asked.Add(1)
	}
	return batch, nil
}

// exchange has a batch answered, over the connection that is there or over new
// ones: a server may close one at any time, and clients have to ask again (RFC 7766
// section 6.2.4). It returns the connection that can be used on.
func (a *tcpAsker) exchange(conn net.Conn, batch []sentence) net.Conn {
	deadline := batch[0].asked.Sent + a.bench.patience
	for {
		if conn == nil {
			conn, _ = net.DialTimeout("tcp", a.addr, max(time.Millisecond, deadline-a.bench.clock.now()))
		}
		var err error = io.ErrUnexpectedEOF
		if conn != nil {
			conn.SetDeadline(time.Now().Add(max(time.Millisecond, deadline-a.bench.clock.now())))
			batch, err = a.over(conn, batch)
		}
		if err == nil {
			return conn
		}
		closeIf(conn)
		conn = nil
		if a.bench.clock.now() >= deadline {
			for _, s := range batch {
				a.bench.lost(s.asked, "tcp", err.Error())
			}
			return nil
		}
		a.bench.tally.cut.Add(int64(len(batch)))
		time.Sleep(5 * time.Millisecond) // as a client would: not at once
	}
}

// over sends a batch over a connection and examines what comes. It returns what was
// not answered.
func (a *tcpAsker) over(conn net.Conn, batch []sentence) ([]sentence, error) {
	var all []byte
	for _, s := range batch {
		all = append(all, s.wire...)
	}
	if _, err := conn.Write(all); err != nil {
		return batch, err
	}
	for len(batch) > 0 {
		packet, err := readMessage(conn)
		if err != nil {
			return batch, err
		}
		i := indexOf(batch, binary.BigEndian.Uint16(packet))
		if i < 0 {
			a.bench.tally.strays.Add(1)
			continue
		}
		asked := batch[i].asked
		asked.Received = a.bench.clock.now()
		a.bench.examine(asked, packet, "tcp")
		batch = append(batch[:i:i], batch[i+1:]...)
	}
	return nil, nil
}

func indexOf(batch []sentence, id uint16) int {
	for i := range batch {
		if batch[i].id == id {
			return i
		}
	}
	return -1
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, max(2, binary.BigEndian.Uint16(length[:])))
	_, err := io.ReadFull(r, packet)
	return packet, err
}
