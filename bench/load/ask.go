package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type target struct{ scope, identity string }

// asker makes one exchange and answers its gRPC code; 0 only when a token came.
type asker func(token string, to target) int

const (
	exchangeMethod = "/chainguard.platform.oidc.SecurityTokenService/Exchange"
	requestLimit   = 15 * time.Second
	answerLimit    = 64 * 1024
)

// dialOptions are of gRPC; over HTTP connections are opened when they are needed.
type dialOptions struct {
	connections int
	open        bool // before the first request
}

func dial(protocol, address string, options dialOptions) (asker, func(), error) {
	switch protocol {
	case "grpc":
		return dialGRPC(address, options)
	case "http":
		return dialHTTP(address)
	}
	return nil, nil, fmt.Errorf("-protocol must be grpc or http, not %q", protocol)
}

func dialGRPC(address string, options dialOptions) (asker, func(), error) {
	clients := make([]*grpc.ClientConn, options.connections)
	closeAll := func() {
		for _, client := range clients {
			if client != nil {
				client.Close()
			}
		}
	}
	for index := range clients {
		client, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		clients[index] = client
		if options.open {
			waitUntilOpen(client)
		}
	}
	var next atomic.Uint64
	ask := func(token string, to target) int {
		client := clients[next.Add(1)%uint64(len(clients))]
		ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		request, answer := exchangeRequest(to), []byte(nil)
		if err := client.Invoke(ctx, exchangeMethod, &request, &answer, grpc.ForceCodec(rawCodec{}), grpc.WaitForReady(true)); err != nil {
			return int(status.Code(err))
		}
		if !hasToken(answer) {
			return int(codes.DataLoss)
		}
		return 0
	}
	return ask, closeAll, nil
}

// waitUntilOpen gives up after a while: the first request then waits, or fails.
func waitUntilOpen(client *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	client.Connect()
	for state := client.GetState(); state != connectivity.Ready && client.WaitForStateChange(ctx, state); {
		state = client.GetState()
	}
}

// rawCodec passes messages as the bytes they are: the two fields that are needed are written by hand.
type rawCodec struct{}

func (rawCodec) Marshal(value any) ([]byte, error) { return *value.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, value any) error {
	*value.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

// exchangeRequest is an ExchangeRequest: identity is field 4, scopes 8.
func exchangeRequest(to target) []byte {
	message := protowire.AppendTag(nil, 4, protowire.BytesType)
	message = protowire.AppendString(message, to.identity)
	message = protowire.AppendTag(message, 8, protowire.BytesType)
	return protowire.AppendString(message, to.scope)
}

// hasToken looks for field 1 of a RawToken.
func hasToken(message []byte) bool {
	number, kind, length := protowire.ConsumeTag(message)
	if length < 0 || number != 1 || kind != protowire.BytesType {
		return false
	}
	text, length := protowire.ConsumeBytes(message[length:])
	return length > 0 && len(text) > 0
}

func dialHTTP(address string) (asker, func(), error) {
	transport := &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute}
	client := &http.Client{Transport: transport, Timeout: requestLimit}
	ask := func(token string, to target) int {
		query := url.Values{"scope": {to.scope}, "identity": {to.identity}}
		request, err := http.NewRequest(http.MethodGet, "http://"+address+"/sts/exchange?"+query.Encode(), nil)
		if err != nil {
			return int(codes.Internal)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(request)
		if err != nil {
			return int(codes.Unavailable)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
		if err != nil {
			return int(codes.Unavailable)
		}
		var content struct {
			Token string
			Code  int
		}
		if json.Unmarshal(body, &content) != nil {
			return int(codes.DataLoss)
		}
		if answer.StatusCode == http.StatusOK && content.Token != "" {
			return 0
		}
		return content.Code
	}
	return ask, transport.CloseIdleConnections, nil
}
