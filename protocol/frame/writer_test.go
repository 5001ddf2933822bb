package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// calls keeps what each call of Write was given.
type calls struct{ got [][]byte }

func (c *calls) Write(p []byte) (int, error) {
	c.got = append(c.got, bytes.Clone(p))
	return len(p), nil
}

func TestWriteTakesOneCallForHeaderAndPayload(t *testing.T) {
	var c calls
	w := NewWriter(&c)
	for _, p := range []string{"ab", "c"} {
		if err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]byte{{0, 0, 0, 2, 'a', 'b'}, {0, 0, 0, 1, 'c'}}
	if diff := cmp.Diff(want, c.got); diff != "" {
		t.Error(diff)
	}
}

// counted is one end of a connection, and counts how often it is written to.
type counted struct {
	net.Conn
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// Releases of Airflow before 3.3 lose the channel if a header arrives in parts.
func TestWriteTakesOneCallOnAConnectionWhateverTheSize(t *testing.T) {
	for _, size := range []int{1, 1000, keepBuffer, keepBuffer + 1, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			received := make(chan int, 1)
			go func() {
				payload, _ := NewReader(far, 0).Next()
				received <- len(payload)
			}()
			c := &counted{Conn: near}
			if err := NewWriter(c).Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			if got := <-received; got != size || c.writes != 1 {
				t.Errorf("%d bytes arrived in %d writes, want %d in 1", got, c.writes, size)
			}
		})
	}
}

// A payload of 4 GiB is more than a test can hold, so the limit is lowered.
func TestWriteRefusesBeforeTheFirstByte(t *testing.T) {
	for _, tt := range []struct {
		payload string
		want    error
	}{
		{"", ErrEmpty},
		{"12345", nil},
		{"123456", ErrTooLong},
	} {
		t.Run(tt.payload, func(t *testing.T) {
			var c calls
			w := NewWriter(&c)
			if w.limit != 1<<32-1 {
				t.Fatalf("limit is %d, want 2^32-1", w.limit)
			}
			w.limit = 5
			err := w.Write([]byte(tt.payload))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if refused := tt.want != nil; refused != (len(c.got) == 0) {
				t.Errorf("written: %x", c.got)
			}
		})
	}
}

// limited takes so many bytes in all and then fails.
type limited struct {
	room int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.room, len(p))
	l.room -= n
	if n < len(p) {
		return n, l.err
	}
	return n, nil
}

func TestWriteSaysHowFarItCame(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, tt := range []struct {
		name string
		room int
		err  error
		want string
	}{
		{"nothing taken", 0, broken, "write frame: 0 of 6 bytes: broken pipe"},
		{"a part taken", 3, broken, "write frame: 3 of 6 bytes: broken pipe"},
		{"a part taken without error", 3, nil, "write frame: 3 of 6 bytes: short write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &limited{room: tt.room, err: tt.err}
			w := NewWriter(l)
			if err := w.Write([]byte("ab")); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			l.room = 100
			err := w.Write([]byte("ab"))
			if torn := tt.room > 0; torn && (err == nil || err.Error() != tt.want) {
				t.Errorf("after a torn frame: got %v, want the same error", err)
			} else if !torn && err != nil {
				t.Errorf("after a failure between frames: %v", err)
			}
		})
	}
}

func TestConcurrentFramesDoNotMix(t *testing.T) {
	const writers, frames = 8, 200
	pr, pw := io.Pipe()
	w := NewWriter(pw)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for j := range frames {
				if err := w.Write([]byte(strings.Repeat(fmt.Sprintf("%d", i), j+1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		group.Wait()
		pw.Close()
	}()
	r := NewReader(pr, 0)
	next := map[byte]int{}
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		next[p[0]]++
		if want := strings.Repeat(string(p[0]), next[p[0]]); string(p) != want {
			t.Fatalf("got %q, want %q", p, want)
		}
	}
	for i := range writers {
		if got := next['0'+byte(i)]; got != frames {
			t.Errorf("writer %d: %d frames, want %d", i, got, frames)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 1000), 1, 20).Draw(t, "payloads")
		var stream bytes.Buffer
		w := NewWriter(&stream)
		for _, p := range want {
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		r := NewReader(&stream, 0)
		for i, p := range want {
			got, err := r.Next()
			if err != nil || !bytes.Equal(got, p) {
				t.Fatalf("frame %d: got %x and %v, want %x", i, got, err, p)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("got %v, want EOF", err)
		}
	})
}

func BenchmarkWriter20MB(b *testing.B) {
	w := NewWriter(io.Discard)
	payload := make([]byte, 20_000_000)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := w.Write(payload); err != nil {
			b.Fatal(err)
		}
	}
}
