"""One client of Eclipse Paho, told by JSON what to do: `subscribe OPTIONS` or `publish OPTIONS`.

Works with paho-mqtt 1.6 and 2.x. A subscriber prints `subscribed`, then `message JSON` for each
message, and leaves when it reads `leave`.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
PATIENCE = 30

# Ours and Paho's names of what 5.0 adds to a message.
NAMES = {
    "payloadFormatIndicator": "PayloadFormatIndicator",
    "messageExpiryInterval": "MessageExpiryInterval",
    "contentType": "ContentType",
    "responseTopic": "ResponseTopic",
    "correlationData": "CorrelationData",
    "userProperties": "UserProperty",
}


def new_client(options):
    is_version5 = options["version"] == "5"
    arguments = {
        "client_id": options.get("clientId", ""),
        "protocol": VERSIONS[options["version"]],
    }
    if options["version"] == "3.1" and arguments["client_id"] == "":
        arguments["client_id"] = "paho-%d" % threading.get_native_id()
    if not is_version5:
        arguments["clean_session"] = not options.get("keepsSession", False)
    if hasattr(mqtt, "CallbackAPIVersion"):  # 2.x
        arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
    return mqtt.Client(**arguments)


def connect(client, options):
    connected = threading.Event()

    def on_connect(client, userdata, flags, reason, *rest):
        if reason != 0:
            raise SystemExit("refused: %s" % reason)
        connected.set()

    client.on_connect = on_connect
    will = options.get("will")
    if will is not None:
        client.will_set(will["topic"], will["payload"], will["qos"], will["retain"])
    arguments = {}
    if options["version"] == "5":
        arguments["clean_start"] = not options.get("keepsSession", False)
        if options.get("keepsSession", False):
            arguments["properties"] = Properties(PacketTypes.CONNECT)
            arguments["properties"].SessionExpiryInterval = 600
    client.connect(options["host"], options["port"], **arguments)
    client.loop_start()
    wait(connected, "CONNACK")


def wait(event, what):
    if not event.wait(PATIENCE):
        raise SystemExit("waited %d s for %s" % (PATIENCE, what))


def leave(client):
    left = threading.Event()
    client.on_disconnect = lambda *_: left.set()
    client.disconnect()
    wait(left, "the end of the connection")
    client.loop_stop()


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def to_paho(properties):
    result = Properties(PacketTypes.PUBLISH)
    for name, value in properties.items():
        if name == "correlationData":
            value = value.encode()
        elif name == "userProperties":
            value = [tuple(pair) for pair in value]
        setattr(result, NAMES[name], value)
    return result


def from_paho(properties):
    result = {}
    for name, theirs in NAMES.items():
        value = getattr(properties, theirs, None)
        if value is None:
            continue
        result[name] = value.decode() if name == "correlationData" else value
    return result


def on_message(client, userdata, message):
    shown = {
        "topic": message.topic,
        "payload": message.payload.decode(),
        "qos": message.qos,
        "retain": bool(message.retain),
    }
    properties = from_paho(getattr(message, "properties", None))
    if properties:
        shown["properties"] = properties
    say("message " + json.dumps(shown))


def subscribe(options):
    subscribed = threading.Event()
    client = new_client(options)
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    connect(client, options)
    client.subscribe(options["filter"], options["qos"])
    wait(subscribed, "SUBACK")
    say("subscribed")
    for line in sys.stdin:
        if line.strip() == "leave":
            leave(client)
            return


def publish(options):
    client = new_client(options)
    connect(client, options)
    for message in options["messages"]:
        properties = message.get("properties")
        arguments = {} if properties is None else {"properties": to_paho(properties)}
        client.publish(
            message["topic"],
            message["payload"],
            message["qos"],
            message["retain"],
            **arguments,
        ).wait_for_publish()
    leave(client)


{"subscribe": subscribe, "publish": publish}[sys.argv[1]](json.loads(sys.argv[2]))
