package interop

import (
	"encoding/binary"
	"reflect"
	"testing"
	"time"
)

func TestTombstones(t *testing.T) {
	var vectors struct {
		responderVector
		Tombstones []struct {
			Name     string
			Frames   []struct{ Frame hexBytes }
			Delivers struct {
				Close struct {
					Code   uint16
					Reason string
				}
			}
			Next uint64
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.Tombstones {
		channel, host, events := vectors.halfOpen(t)
		for _, one := range v.Frames {
			channel.receive(one.Frame, time.Now())
		}
		want := []Event{{Name: "open"}, {Name: "close", Code: v.Delivers.Close.Code, Reason: v.Delivers.Close.Reason, Clean: true}}
		if !reflect.DeepEqual(*events, want) {
			t.Errorf("%s: %v, want %v", v.Name, *events, want)
		}
		frame := host.last(4)
		nonce := controlNonce(0, binary.BigEndian.Uint64(frame[headLength+4:]))
		plaintext, _ := open(Key(vectors.Keys.ControlBA), nonce, frame[headLength+12:])
		if pong, ok := DecodeControl(plaintext); !ok || pong.Type != controlPong || pong.Next != v.Next {
			t.Errorf("%s: %v, want a PONG with next %d", v.Name, pong, v.Next)
		}
		if sent := answersOf(host); sent != 1 {
			t.Errorf("%s: %d DATA, want the answer to the close alone", v.Name, sent)
		}
	}
}

func TestAfterCloseTimeout(t *testing.T) {
	var vectors struct {
		responderVector
		Messages, MessageBytes int
		Grants                 []struct{ Frame hexBytes }
	}
	load(t, "credit.json", &vectors)
	channel, host, events := vectors.halfOpen(t)
	now := time.Now()
	channel.receive(vectors.Grants[0].Frame, now)
	for range vectors.Messages {
		channel.queue = append(channel.queue, &outgoing{opcode: opBinary, content: make([]byte, vectors.MessageBytes)})
	}
	channel.Close(1000, "")
	channel.deadline = now.Add(resumeTimeout)
	channel.pump(now)
	channel.tick(now.Add(resumeTimeout + time.Millisecond))
	if last := (*events)[len(*events)-1]; last.Failure != "close-timeout" || channel.closeSealed {
		t.Errorf("%v, want close-timeout before the close is sealed", *events)
	}
	for _, grant := range vectors.Grants[1:] {
		channel.receive(grant.Frame, now)
	}
	if sent := answersOf(host); sent != vectors.Messages+1 || !channel.closeSealed {
		t.Errorf("%d DATA, want all messages and the close", sent)
	}
}
