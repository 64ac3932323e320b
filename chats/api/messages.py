"""What scripts do to one message: edit, delete, bring back, ask anew, choose its branch, fork."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.idempotency import client_id_of, idempotent
from accounts.api.parsing import read_body
from chats import access, editing, sending, summarising
from chats import gauge as gauges
from chats.api.serializers import ChatSerializer, MessageSerializer, SentSerializer, told_message
from chats.models import Message


class EditSerializer(serializers.Serializer[object]):
    """New words for a message; with `resend` they are sent as a branch beside it, which is answered."""

    content = serializers.CharField(trim_whitespace=False)
    resend = serializers.BooleanField(required=False, default=False)
    model = serializers.CharField(required=False, allow_blank=True, max_length=190, default="")
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class AnotherAnswerSerializer(serializers.Serializer[object]):
    """Which model shall answer; empty: the same."""

    model = serializers.CharField(required=False, allow_blank=True, max_length=190, default="")


class GaugeSerializer(serializers.Serializer[object]):
    """What the model sees of a chat, in tokens; `cut` is the first message that it sees, 0 when all are."""

    used = serializers.IntegerField()
    window = serializers.IntegerField()
    measured = serializers.BooleanField()
    left_out = serializers.IntegerField()
    cut = serializers.IntegerField()
    can_sum_up = serializers.BooleanField()


class OneMessage(APIView):
    """One message of a chat."""

    @extend_schema(summary="A message", tags=["messages"], responses=MessageSerializer)
    def get(self, request: Request, chat_id: int, message_id: int) -> Response:
        """Read a message, on whichever branch it stands."""
        return Response(told_message(access.get_message(request.user, message_id, chat_id=chat_id)))

    @extend_schema(
        summary="Edit a message",
        tags=["messages"],
        request=EditSerializer,
        responses={200: MessageSerializer, 201: SentSerializer},
    )
    def put(self, request: Request, chat_id: int, message_id: int) -> Response:
        """Change a message where it stands, or send it again in other words."""
        message = access.get_message(request.user, message_id, chat_id=chat_id)
        wanted = read_body(EditSerializer, request)
        if not wanted["resend"]:
            return Response(told_message(editing.edit_message(message, content=wanted["content"])))
        sent = editing.resend_message(
            message,
            content=wanted["content"],
            model_name=wanted["model"],
            client_id=wanted["client_id"] or client_id_of(request),
        )
        return Response(_sent(sent), status=201)

    @extend_schema(
        summary="Edit a message, as PUT does",
        tags=["messages"],
        request=EditSerializer,
        responses={200: MessageSerializer, 201: SentSerializer},
    )
    def patch(self, request: Request, chat_id: int, message_id: int) -> Response:
        """Do as PUT does."""
        return self.put(request, chat_id, message_id)

    @extend_schema(summary="Delete a message", tags=["messages"], responses={204: None})
    def delete(self, request: Request, chat_id: int, message_id: int) -> Response:
        """Take a message out of the thread; it can be brought back for 30 days."""
        editing.delete_message(access.get_message(request.user, message_id, chat_id=chat_id))
        return Response(status=204)


class Restore(APIView):
    """Bring a deleted message back."""

    @extend_schema(
        summary="Bring a deleted message back", tags=["messages"], request=None, responses=MessageSerializer
    )
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        message = access.get_deleted_message(request.user, message_id, chat_id=chat_id)
        editing.restore_message(message)
        message.refresh_from_db()
        return Response(told_message(message))


class Regenerate(APIView):
    """Ask for another answer beside this one, by another model if one is named."""

    @extend_schema(
        summary="Ask for another answer",
        tags=["messages"],
        request=AnotherAnswerSerializer,
        responses={201: SentSerializer},
    )
    @idempotent()
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        answer = access.get_answer(request.user, message_id, chat_id=chat_id)
        wanted = read_body(AnotherAnswerSerializer, request)
        if answer.kind == Message.Kind.SUMMARY:
            summary = summarising.summarise_again(answer)
            told = {"chat_id": chat_id, "message": answer.parent, "answer": summary}
            return Response(SentSerializer(told).data, status=201)
        sent = sending.try_again(answer, model_name=wanted["model"])
        return Response(_sent(sent), status=201)


class Continue(APIView):
    """Have the model go on where a cut answer ends."""

    @extend_schema(
        summary="Have a cut answer go on", tags=["messages"], request=None, responses=MessageSerializer
    )
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        answer = access.get_answer(request.user, message_id, chat_id=chat_id)
        return Response(told_message(sending.continue_answer(answer)))


class ChooseBranch(APIView):
    """Have the chat stand on the branch of this message."""

    @extend_schema(
        summary="Stand on another branch", tags=["messages"], request=None, responses=ChatSerializer
    )
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        message = access.get_message(request.user, message_id, chat_id=chat_id)
        return Response(ChatSerializer(editing.choose_branch(message)).data)


class Fork(APIView):
    """Begin a new chat with all that stands above, and this message."""

    @extend_schema(
        summary="Begin a chat with a copy of this one",
        tags=["messages"],
        request=None,
        responses={201: ChatSerializer},
    )
    @idempotent()
    def post(self, request: Request, chat_id: int, message_id: int) -> Response:
        message = access.get_message(request.user, message_id, chat_id=chat_id)
        return Response(ChatSerializer(editing.fork_chat(message)).data, status=201)


class Summarise(APIView):
    """Have the older part of a chat summed up; the answer's text is read from the chat or its events."""

    @extend_schema(
        summary="Have the older part summed up",
        tags=["messages"],
        request=None,
        responses={201: MessageSerializer},
    )
    @idempotent()
    def post(self, request: Request, chat_id: int) -> Response:
        chat = access.get_chat(request.user, chat_id)
        return Response(told_message(summarising.summarise_chat(chat)), status=201)


class Context(APIView):
    """How much of a chat the model sees."""

    @extend_schema(
        summary="How much of a chat the model sees",
        tags=["messages"],
        responses={200: OpenApiResponse(GaugeSerializer)},
    )
    def get(self, request: Request, chat_id: int) -> Response:
        chat = access.get_chat(request.user, chat_id)
        name = request.query_params.get("model", "")[:190] or chat.model_name
        return Response(GaugeSerializer(gauges.read_gauge(chat, name=name)).data)


def _sent(sent: sending.Sent) -> dict[str, object]:
    told = {"chat_id": sent.chat.pk, "message": sent.message, "answer": sent.answer}
    return dict(SentSerializer(told).data)
