// sws-peer is a peer that a test drives: JSON commands on stdin, JSON events on stdout, one a line. One channel at a time.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/sws-project/sws/tests/interop"
)

type command struct {
	Do        string   `json:"do"`
	Peer      string   `json:"peer"`
	Resource  string   `json:"resource"`
	Protocols []string `json:"protocols"`
	Text      string   `json:"text"`
	Binary    string   `json:"binary"`
	Count     int      `json:"count"`
	Code      uint16   `json:"code"`
	Reason    string   `json:"reason"`
}

var output sync.Mutex

func say(event string, fields map[string]any) {
	output.Lock()
	defer output.Unlock()
	if fields == nil {
		fields = map[string]any{}
	}
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

// peer is the one channel and the messages that are counted instead of told.
type peer struct {
	client  *interop.Client
	channel *interop.Channel
	// Messages "flood 0", "flood 1" ... must come in order; the count is told when it reaches expected.
	flood, expected int
	disorder        bool
}

func (p *peer) event(channel *interop.Channel, event interop.Event) {
	switch event.Name {
	case "open":
		p.channel = channel
		say("open", map[string]any{"peer": channel.Peer.String(), "resource": channel.Resource, "protocol": channel.Protocol})
	case "text":
		var number int
		if _, err := fmt.Sscanf(event.Text, "flood %d", &number); err == nil {
			p.disorder = p.disorder || number != p.flood
			p.flood++
			if p.flood == p.expected {
				say("flood", map[string]any{"count": p.flood, "ordered": !p.disorder})
			}
			return
		}
		say("text", map[string]any{"text": event.Text})
	case "binary":
		say("binary", map[string]any{"binary": hex.EncodeToString(event.Binary)})
	case "rekeyed":
		say("rekeyed", map[string]any{"epoch": event.Epoch})
	case "close":
		say("close", map[string]any{"code": event.Code, "reason": event.Reason, "clean": event.Clean, "failure": event.Failure})
	case "interrupted", "resumed":
		say(event.Name, nil)
	}
}

func (p *peer) run(c command) {
	switch c.Do {
	case "open":
		address, err := interop.ParseAddress(c.Peer)
		if err != nil {
			log.Fatal(err)
		}
		_, failure := p.client.Open(address, c.Resource, c.Protocols, p.event)
		if failure != nil {
			say("close", map[string]any{"code": 1006, "failure": failure.Code})
		}
	case "cut":
		p.client.Cut()
	default:
		if p.channel != nil {
			p.use(c)
		}
	}
}

func (p *peer) use(c command) {
	switch c.Do {
	case "text":
		p.channel.Send(true, []byte(c.Text))
	case "binary":
		content, err := hex.DecodeString(c.Binary)
		if err != nil {
			log.Fatal(err)
		}
		p.channel.Send(false, content)
	case "flood":
		p.expected = c.Count
		for i := range c.Count {
			p.channel.Send(true, fmt.Appendf(nil, "flood %d", i))
		}
	case "rekey":
		p.channel.Rekey()
	case "close":
		p.channel.Close(c.Code, c.Reason)
	default:
		log.Fatalf("no such command: %s", c.Do)
	}
}

func main() {
	relay := flag.String("relay", "", "the relay's URL")
	encoding := flag.String("encoding", "binary", "binary or json")
	seed := flag.String("seed", "", "64 hex digits")
	flag.Parse()
	bytes, err := hex.DecodeString(*seed)
	if err != nil || len(bytes) != 32 {
		log.Fatal("-seed needs 64 hex digits")
	}
	identity := interop.NewIdentity(interop.Key(bytes))
	p := &peer{}
	p.client = interop.NewClient(interop.Options{
		Identity: identity,
		RelayURL: *relay,
		Encoding: *encoding,
		OnIncoming: func(channel *interop.Channel) {
			channel.Events = p.event
		},
		OnState: func(state string, term int64) {
			say(state, map[string]any{"publicKey": identity.Public.String(), "term": term})
		},
	})
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	for input.Scan() {
		var c command
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		p.client.Do(func() { p.run(c) })
	}
	p.client.Close()
}
