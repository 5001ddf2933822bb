package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

const (
	nameRoundTrip = "round-trip"
	nameLarge     = "frame-20mb"
)

// tripsAPair is how many round trips one half of a pair makes.
const tripsAPair = 3000

// firstTrip is the first request id. It and the last take three octets each, so
// that all frames have one size.
const firstTrip = 1000

// exchangedValue is the XCom that is asked for.
var exchangedValue = map[string]any{"rows": int64(12), "path": "/srv/data/2026-11-22/part-0001.parquet"}

func tripRequest(id int64) message.Request {
	return message.Request{ID: id, Body: &message.GetXCom{
		Key: "return_value", DagID: "reports", RunID: "scheduled__2026-11-22T00:00:00+00:00", TaskID: "extract",
	}}
}

// exchangedSizes are the octets of a request and of its answer, headers included.
func exchangedSizes() (asked, answered int, err error) {
	request, err := message.EncodeRequest(tripRequest(firstTrip))
	if err != nil {
		return 0, 0, err
	}
	value, err := message.RawOf(exchangedValue)
	if err != nil {
		return 0, 0, err
	}
	answer, err := message.EncodeResponse(message.Response{ID: firstTrip, Body: &message.XComResult{Key: "return_value", Value: value}})
	if err != nil {
		return 0, 0, err
	}
	return frame.HeaderSize + len(request), frame.HeaderSize + len(answer), nil
}

// measureRoundTrip compares a request and its answer, encoded and decoded on both
// sides, with as many octets there and back.
func (b *bench) measureRoundTrip(ctx context.Context) (line Line, err error) {
	asked, answered, err := exchangedSizes()
	if err != nil {
		return Line{}, err
	}
	real, stop, err := startPeer("answer")
	if err != nil {
		return Line{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	raw, stopRaw, err := startPeer("pong")
	if err != nil {
		return Line{}, err
	}
	defer func() { err = errors.Join(err, stopRaw()) }()
	pairs, profile, err := b.profiled(nameRoundTrip, func() ([]pair, error) {
		return interleaved(ctx, b.pairs, warmUps,
			func(context.Context) (sample, error) { return askRequests(real) },
			func(context.Context) (sample, error) { return ping(raw, asked, answered) })
	})
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameRoundTrip,
		Subject: fmt.Sprintf("%d round trips GetXCom, XComResult between two processes", tripsAPair),
		Floor:   fmt.Sprintf("as many ping-pongs of %d and %d octets on a socketpair", asked, answered),
		Goal:    Goal{AtMost: 2},
		Profile: profile,
	}, pairs), nil
}

// askRequests is a runner that does nothing but ask.
func askRequests(conn net.Conn) (sample, error) {
	want, err := message.RawOf(exchangedValue)
	if err != nil {
		return sample{}, err
	}
	runner := channel.NewRunner(conn)
	begin := time.Now()
	for id := int64(firstTrip); id < firstTrip+tripsAPair; id++ {
		payload, err := message.EncodeRequest(tripRequest(id))
		if err != nil {
			return sample{}, err
		}
		if err := runner.Write(payload); err != nil {
			return sample{}, err
		}
		answer, err := runner.Receive()
		if err != nil {
			return sample{}, err
		}
		result, ok := answer.Body.(*message.XComResult)
		if !ok || answer.ID != id || !bytes.Equal(result.Value, want) {
			return sample{}, fmt.Errorf("request %d was answered by %+v", id, answer)
		}
	}
	return sample{took: time.Since(begin)}, nil
}

// ping is the floor of askRequests.
func ping(conn net.Conn, asked, answered int) (sample, error) {
	out, in := make([]byte, asked), make([]byte, answered)
	begin := time.Now()
	for range tripsAPair {
		if _, err := conn.Write(out); err != nil {
			return sample{}, err
		}
		if _, err := io.ReadFull(conn, in); err != nil {
			return sample{}, err
		}
	}
	return sample{took: time.Since(begin)}, nil
}

// largeValue is the length of the XCom in the large frame.
const largeValue = 20 << 20

// largePayload is a SetXCom as a task sends it that pushes a long text.
func largePayload() ([]byte, error) {
	value, err := message.RawOf(strings.Repeat("abcdefghijklmnopqrstuvwxyz012345", largeValue/32))
	if err != nil {
		return nil, err
	}
	return message.EncodeRequest(message.Request{ID: firstTrip, Body: &message.SetXCom{
		Key: "return_value", DagID: "reports", RunID: "bench", TaskID: "extract", Value: value,
	}})
}

// measureLarge compares reading and decoding a large frame, its value left as it
// came, with reading as many octets into a new buffer.
func (b *bench) measureLarge(ctx context.Context) (line Line, err error) {
	payload, err := largePayload()
	if err != nil {
		return Line{}, err
	}
	size := frame.HeaderSize + len(payload)
	conn, stop, err := startPeer("send")
	if err != nil {
		return Line{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	pairs, profile, err := b.profiled(nameLarge, func() ([]pair, error) {
		return interleaved(ctx, b.pairs, warmUps,
			func(context.Context) (sample, error) { return receive(conn, readLarge) },
			func(context.Context) (sample, error) {
				return receive(conn, func(r io.Reader) error {
					_, err := io.ReadFull(r, make([]byte, size))
					return err
				})
			})
	})
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameLarge,
		Subject: fmt.Sprintf("a frame of %d octets read and decoded, its value kept as raw MessagePack", size),
		Floor:   "as many octets read into a freshly allocated buffer",
		Goal:    Goal{AtLeast: 0.6},
		Profile: profile,
	}, pairs), nil
}

// receive asks the peer for one large frame and times its reading. The garbage of
// the last one is collected first, on nobody's account.
func receive(conn net.Conn, read func(io.Reader) error) (sample, error) {
	runtime.GC()
	begin := time.Now()
	if _, err := conn.Write([]byte{1}); err != nil {
		return sample{}, err
	}
	err := read(conn)
	return sample{took: time.Since(begin)}, err
}

func readLarge(r io.Reader) error {
	payload, err := frame.NewReader(r, 0).Next()
	if err != nil {
		return err
	}
	request, err := message.DecodeRequest(payload)
	if err != nil {
		return err
	}
	body, ok := request.Body.(*message.SetXCom)
	if !ok || len(body.Value) < largeValue {
		return errors.New("the value did not arrive whole")
	}
	return nil
}
